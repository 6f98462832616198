"""Sessions in Snowflake, and the translation of its errors into advice on settings."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spotify_assets.settings import Settings
from spotify_assets.targets.publishing import TargetError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

LOGIN_SECONDS, NETWORK_SECONDS = 30, 300
# Idle sessions are reused for this time: a login takes a second, and checks open a session for each table. Snowflake
# closes sessions that are idle for hours.
IDLE_SECONDS = 600
# Snowflake's error codes: an object exists already, or doesn't exist.
ALREADY_EXISTS, DOES_NOT_EXIST = 2002, 2003
UNREACHABLE = (250001, 250003, 290403, 290404)
ADVICE = {
    606: "SPOTIFY_ASSETS_SNOWFLAKE_WAREHOUSE names no warehouse that the role may use",
    3001: "the role lacks a privilege; docs/snowflake.md lists what to grant",
    91016: "a file of the lake is gone, or out of the storage integration's reach; publish again",
    390100: "SPOTIFY_ASSETS_SNOWFLAKE_USER or SPOTIFY_ASSETS_SNOWFLAKE_PASSWORD is wrong",
    390144: "SPOTIFY_ASSETS_SNOWFLAKE_USER is wrong, or has another key than SPOTIFY_ASSETS_SNOWFLAKE_PRIVATE_KEY",
    390189: "SPOTIFY_ASSETS_SNOWFLAKE_ROLE names no role that the user has",
}


class SessionPool:
    """Pool of sessions; each is used by one caller at a time."""

    def __init__(self, settings: Settings) -> None:
        """Open no session yet."""
        self._settings = settings
        self._idle: list[tuple[float, SnowflakeConnection]] = []

    @contextmanager
    def session(self) -> Iterator["SnowflakeConnection"]:
        """A session without autocommit, in UTC; closed after an error, else returned to the pool.

        Raises:
            TargetError: for any error of Snowflake in the context: one line that names the setting to check.
        """
        with _translate_snowflake_errors(self._settings):
            while self._idle:
                until, connection = self._idle.pop()
                if time.monotonic() < until:
                    break
                connection.close()
            else:
                connection = self._log_in()
            try:
                yield connection
            except BaseException:
                with suppress(Exception):
                    connection.rollback()
                connection.close()
                raise
            self._idle.append((time.monotonic() + IDLE_SECONDS, connection))

    def _log_in(self) -> "SnowflakeConnection":
        # The connector takes a second to import.
        import snowflake.connector

        settings = self._settings
        connection = snowflake.connector.connect(
            account=settings.snowflake_account,
            user=settings.snowflake_user,
            database=settings.snowflake_database,
            schema=settings.snowflake_schema,
            warehouse=settings.snowflake_warehouse,
            role=settings.snowflake_role or None,
            autocommit=False,
            timezone="UTC",
            login_timeout=LOGIN_SECONDS,
            network_timeout=NETWORK_SECONDS,
            **_address_arguments(settings.snowflake_url),
            **_login_arguments(settings),
        )
        # Snowflake's login succeeds even where these don't exist.
        for kind, found in (("database", connection.database), ("warehouse", connection.warehouse)):
            if not found:
                connection.close()
                raise TargetError(
                    f"snowflake: there is no {kind} {getattr(settings, f'snowflake_{kind}')}, or the role "
                    f"{connection.role} may not use it; look at SPOTIFY_ASSETS_SNOWFLAKE_{kind.upper()} and _ROLE"
                )
        return connection


def execute(connection: "SnowflakeConnection", statement: str) -> int:
    """Execute a statement; return the number of rows that it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount or 0


def try_execute(connection: "SnowflakeConnection", statement: str, ignored: int) -> bool:
    """Execute a statement; return False where it fails with the error code `ignored`."""
    from snowflake.connector.errors import ProgrammingError

    try:
        execute(connection, statement)
    except ProgrammingError as error:
        if error.errno != ignored:
            raise
        return False
    return True


def fetch_rows(connection: "SnowflakeConnection", query: str) -> list[tuple[Any, ...]]:
    """All rows of a query's result."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def _login_arguments(settings: Settings) -> dict[str, Any]:
    """Arguments of the connector: private key, from the setting or a file, or password.

    Raises:
        TargetError: where the key can't be read.
    """
    from cryptography.hazmat.primitives import serialization

    key, file = settings.snowflake_private_key.get_secret_value(), settings.snowflake_private_key_file
    if not key and not file:
        return {"password": settings.snowflake_password.get_secret_value()}
    passphrase = settings.snowflake_private_key_passphrase.get_secret_value()
    try:
        loaded = serialization.load_pem_private_key(
            key.encode() if key else Path(file).read_bytes(), passphrase.encode() if passphrase else None
        )
    except (ValueError, TypeError, OSError):
        raise TargetError(
            "snowflake: the private key can't be read; look at SPOTIFY_ASSETS_SNOWFLAKE_PRIVATE_KEY or "
            "_PRIVATE_KEY_FILE (PEM), and at _PRIVATE_KEY_PASSPHRASE, if it is encrypted"
        ) from None
    der = loaded.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"private_key": der}


def _address_arguments(url: str) -> dict[str, Any]:
    """Arguments of the connector for an address other than the account's."""
    if not url:
        return {}
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "protocol": parts.scheme,
    }


@contextmanager
def _translate_snowflake_errors(settings: Settings) -> Iterator[None]:
    try:
        from snowflake.connector.errors import Error
    except ImportError:
        raise TargetError(
            "snowflake: its client isn't installed; pip install 'spotify-assets[snowflake]', or unset "
            "SPOTIFY_ASSETS_SNOWFLAKE_ACCOUNT"
        ) from None
    try:
        yield
    except Error as error:
        number = error.errno or 0
        reason = " ".join(str(error.raw_msg).split())
        if number in UNREACHABLE:
            host = settings.snowflake_url or f"{settings.snowflake_account}.snowflakecomputing.com"
            raise TargetError(
                f"snowflake: {host} can't be reached; SPOTIFY_ASSETS_SNOWFLAKE_ACCOUNT is ORGANIZATION-ACCOUNT "
                f"({reason})"
            ) from None
        advice = ADVICE.get(number, "it refused a statement; the former content is unchanged")
        raise TargetError(f"snowflake: {advice} ({number:06d}: {reason})") from None
