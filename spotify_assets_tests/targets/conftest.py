"""A stand-in server for Snowflake, and settings that point to it."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from spotify_assets.targets import snowflake_session
from spotify_assets_tests.snowflake_server import USER, WAREHOUSE, running


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def _server(key):
    with running() as server:
        server.public_key = key.public_key()
        yield server


@pytest.fixture
def server(_server, tmp_path, monkeypatch):
    """The server with a database of the test's own."""
    monkeypatch.setattr(snowflake_session, "LOGIN_SECONDS", 1)
    monkeypatch.setattr(snowflake_session, "NETWORK_SECONDS", 2)
    _server.databases = {f"DB_{abs(hash(str(tmp_path))) % 10**9}"}
    _server.statements.clear()
    _server.refused = "$^"
    return _server


def pem(key, passphrase=None):
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.fixture
def options(server, key):
    return {
        "snowflake_account": "acme-music",
        "snowflake_user": USER,
        "snowflake_private_key": pem(key),
        "snowflake_warehouse": WAREHOUSE,
        "snowflake_database": next(iter(server.databases)),
        "snowflake_url": server.url,
    }
