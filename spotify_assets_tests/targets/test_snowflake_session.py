"""Sessions in Snowflake: ways to log in, and errors with advice on settings."""

import sys
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector.errors import OperationalError, ProgrammingError

from spotify_assets.settings import load_settings
from spotify_assets.targets import snowflake_session
from spotify_assets.targets.publishing import TargetError
from spotify_assets.targets.registry import targets
from spotify_assets.targets.snowflake_session import SessionPool, execute, fetch_rows, try_execute
from spotify_assets_tests.snowflake_server import PASSWORD
from spotify_assets_tests.targets.conftest import pem


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"snowflake_user": "NOBODY"}, "SPOTIFY_ASSETS_SNOWFLAKE_USER is wrong, or has another key"),
        ({"snowflake_private_key": "no key"}, "SPOTIFY_ASSETS_SNOWFLAKE_PRIVATE_KEY"),
        ({"snowflake_private_key": "", "snowflake_private_key_file": __file__}, "_PRIVATE_KEY_FILE"),
        ({"snowflake_private_key": "", "snowflake_password": "a-wrong-secret"}, "SPOTIFY_ASSETS_SNOWFLAKE_PASSWORD"),
        ({"snowflake_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9 can't be reached"),
        ({"snowflake_database": "NOWHERE"}, "there is no database NOWHERE"),
        ({"snowflake_warehouse": "NOTHING"}, "there is no warehouse NOTHING"),
    ],
)
def test_an_error_is_one_line_without_secrets(world, options, wrong, expected, caplog):
    world.overrides |= options | wrong
    with pytest.raises(TargetError) as error:
        targets(world.settings)["snowflake"].published_states()
    message = str(error.value)
    assert message.startswith("snowflake: ")
    assert expected in message
    told = message + caplog.text + repr(error.value.__cause__)
    assert "\n" not in message
    assert not [secret for secret in ("a-wrong-secret", options["snowflake_private_key"]) if secret in told]


def test_without_an_address_the_error_names_that_of_the_account(options):
    options |= {"snowflake_url": "", "snowflake_storage_integration": "spotify_lake"}
    settings = load_settings(lake_uri="s3://music/lake", **options)
    with (
        pytest.raises(TargetError, match=r"snowflake: acme-music\.snowflakecomputing\.com can't be reached"),
        snowflake_session._translate_snowflake_errors(settings),
    ):
        raise OperationalError(msg="no route", errno=250001)


def test_another_key_is_refused(world, options):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.overrides |= options | {"snowflake_private_key": pem(other)}
    with pytest.raises(TargetError, match="has another key"):
        targets(world.settings)["snowflake"].published_states()


@pytest.mark.parametrize("by", ["password", "encrypted key", "file"])
def test_other_ways_to_log_in(world, options, key, tmp_path, by):
    ways = {"password": {"snowflake_private_key": "", "snowflake_password": PASSWORD}}
    ways["encrypted key"] = {
        "snowflake_private_key": pem(key, "a phrase"), "snowflake_private_key_passphrase": "a phrase"
    }  # fmt: skip
    (tmp_path / "key.p8").write_text(pem(key))
    ways["file"] = {"snowflake_private_key": "", "snowflake_private_key_file": str(tmp_path / "key.p8")}
    world.overrides |= options | ways[by]
    assert targets(world.settings)["snowflake"].published_states() == {}


def test_without_its_client_the_error_names_the_package(world, options, monkeypatch):
    world.overrides |= options
    monkeypatch.setitem(sys.modules, "snowflake.connector.errors", None)
    with pytest.raises(TargetError, match=r"pip install 'spotify-assets\[snowflake\]'"):
        targets(world.settings)["snowflake"].published_states()


@pytest.fixture
def sessions(options):
    return SessionPool(load_settings(lake_uri="lake", **options))


def test_a_session_is_kept_for_the_next(sessions, monkeypatch):
    with sessions.session() as first:
        assert fetch_rows(first, "SELECT 1, 'a'") == [(1, "a")]
    with sessions.session() as second:
        assert second is first
        with sessions.session() as another:  # one at a time uses each
            assert another is not first


def test_a_session_that_idled_for_long_is_not_used_again(sessions, monkeypatch):
    with sessions.session() as first:
        pass
    later = time.monotonic() + snowflake_session.IDLE_SECONDS + 1
    monkeypatch.setattr("spotify_assets.targets.snowflake_session.time.monotonic", lambda: later)
    with sessions.session() as second:
        assert second is not first


def test_a_failed_session_is_rolled_back_and_closed(sessions, server):
    with pytest.raises(KeyboardInterrupt), sessions.session() as first:
        raise KeyboardInterrupt
    assert server.statements[-1] == "ROLLBACK"
    with sessions.session() as second:
        assert second is not first


@pytest.fixture
def connection(sessions):
    """A session in a schema that is there."""
    with sessions.session() as connection:
        execute(connection, "CREATE SCHEMA IF NOT EXISTS somewhere")
        execute(connection, "USE SCHEMA somewhere")
        yield connection


def test_rows_that_a_statement_changed(connection):
    execute(connection, "CREATE TABLE numbers (number INTEGER)")
    assert execute(connection, "INSERT INTO numbers VALUES (1), (2)") == 2


def test_only_the_error_that_is_expected_is_no_error(connection):
    assert try_execute(connection, "SELECT 1", ignored=snowflake_session.DOES_NOT_EXIST)
    assert not try_execute(connection, "SELECT * FROM nothing", ignored=snowflake_session.DOES_NOT_EXIST)
    with pytest.raises(ProgrammingError):
        try_execute(connection, "SELECT * FROM nothing", ignored=snowflake_session.ALREADY_EXISTS)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("", {}),
        ("https://host", {"host": "host", "port": 443, "protocol": "https"}),
        ("http://host", {"host": "host", "port": 80, "protocol": "http"}),
        ("https://host:8443", {"host": "host", "port": 8443, "protocol": "https"}),
    ],
)
def test_where_to_connect(url, place):
    assert snowflake_session._address_arguments(url) == place
