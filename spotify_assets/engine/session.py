"""Settings of Spark Connect sessions: on embedded Sail, Apache Spark on this machine, or a remote server."""

import logging
import os
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spotify_assets.engine.apache_spark import SparkError, start_local_server
from spotify_assets.storage import spark_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Session settings that transforms and tables rely on, for all engines.
SESSION_SETTINGS = {
    # With the machine's zone, a replaceWhere that rewrites a file fails on Timestamp(UTC) against
    # Timestamp(Etc/UTC), and dates depend on the machine.
    "spark.sql.session.timeZone": "UTC",
    # Spark's default is INT96, which Parquet has deprecated and keeps no statistics of.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # An empty window written over nothing must commit, too: the commit carries the window's fingerprint.
    "spark.databricks.delta.skipRecordingEmptyCommits": "false",
}
# Recording Python call sites makes building queries 5 times slower. On Apache Spark it is a static setting, of which a
# session that sets it is warned.
EMBEDDED_SETTINGS = {"spark.python.sql.dataFrameDebugging.enabled": "false"}
REACH_SECONDS = 10
SESSION_SECONDS = 365 * 24 * 60 * 60

_starting = Lock()
_opening = Lock()
# Sessions of Spark Connect, by address.
_sessions: dict[str, Any] = {}
_embedded: list[Any] = []
_local: dict[str, tuple[Any, str]] = {}
_reached: set[str] = set()


def spark_session(remote: str = "", lake_uri: str = "") -> "SparkSession":
    """The process's session of an engine; its time zone is UTC.

    Sessions are kept by address: PySpark's `getOrCreate` would return the first session of the process for any engine.

    Args:
        remote: Value of `SPOTIFY_ASSETS_SPARK_REMOTE`.
        lake_uri: The lake; Apache Spark on this machine gets settings for S3 from it.

    Raises:
        SparkError: The engine can't be started, or nothing listens at its address.
    """
    config: dict[str, Any] = {**session_config(remote, lake_uri)}
    with _opening:
        from pyspark.sql import SparkSession

        address = config["spark.remote"]
        if address not in _sessions or _sessions[address].is_stopped:
            _sessions[address] = SparkSession.builder.config(map=config).create()
        session: SparkSession = _sessions[address]
        return session


def session_config(remote: str = "", lake_uri: str = "") -> dict[str, str]:
    """Settings of a Spark Connect session, with the engine's address as `spark.remote`.

    An embedded or local engine is started on first use.

    Args:
        remote: Value of `SPOTIFY_ASSETS_SPARK_REMOTE`.
        lake_uri: The lake; Apache Spark on this machine gets settings for S3 from it.

    Raises:
        SparkError: The engine can't be started, or nothing listens at its address.
    """
    if remote.startswith("local"):
        address = local_remote(remote, spark_settings(lake_uri))
    else:
        address = require_reachable(remote) if remote else embedded_remote()
    # PySpark logs each error that it raises, as a page of JSON.
    logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL + 1)
    return {"spark.remote": address, **SESSION_SETTINGS, **({} if remote else EMBEDDED_SETTINGS)}


def use_connect_functions() -> None:
    """Let `pyspark.sql.functions` build expressions for Spark Connect before the process has a session.

    Else they are for a JVM in this process, and fail with an AssertionError as there is none. PySpark sets its mark
    with the first session of Spark Connect.
    """
    os.environ.setdefault("SPARK_CONNECT_MODE_ENABLED", "1")


def embedded_remote() -> str:
    """Address of the Sail server in this process; it is started on first use."""
    with _starting:
        if not _embedded:
            # Sail logs every session and every hint that it ignores. It reads the variable on import.
            os.environ.setdefault("RUST_LOG", "error")
            # It ends a session that is idle for 15 minutes, such as a notebook's: the next query would fail.
            os.environ.setdefault("SAIL_SPARK__SESSION_TIMEOUT_SECS", str(SESSION_SECONDS))
            from pysail.spark import SparkConnectServer

            server = SparkConnectServer()
            server.start()
            _embedded.append(server)
        _, port = _embedded[0].listening_address
        return f"sc://localhost:{port}"


def local_remote(master: str, extra: Mapping[str, str] = MappingProxyType({})) -> str:
    """Address of Apache Spark on this machine; it is started on first use and stopped with this process.

    Args:
        master: `local[*]`, or `local[2]` for two cores.
        extra: Additional Spark settings.

    Raises:
        SparkError: The server can't be started.
    """
    with _starting:
        if master not in _local:
            _local[master] = start_local_server(master, extra)
        return _local[master][1]


def require_reachable(remote: str) -> str:
    """Check once per process that a server listens at an address, and return the address.

    PySpark would retry for minutes.

    Raises:
        SparkError: Nothing answers within `REACH_SECONDS`.
    """
    with _starting:
        if remote not in _reached:
            import grpc
            from pyspark.sql.connect.client import DefaultChannelBuilder

            builder = DefaultChannelBuilder(remote)
            channel = builder.toChannel()
            try:
                grpc.channel_ready_future(channel).result(timeout=REACH_SECONDS)
            except grpc.FutureTimeoutError:
                # The address's parameters may hold credentials: only its host and port are shown.
                raise SparkError(
                    f"SPOTIFY_ASSETS_SPARK_REMOTE: no Spark Connect server answers at sc://{builder.endpoint}"
                ) from None
            finally:
                channel.close()
            _reached.add(remote)
    return remote
