"""The engine: a Spark Connect session, embedded or elsewhere. No transform knows which."""

import logging
import os
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spotify_assets.engine.apache_spark import SparkError, local_server
from spotify_assets.storage import spark_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What transforms and tables rely on, on whichever engine.
SESSION_SETTINGS = {
    # Left to the machine's zone, a replaceWhere that rewrites a file fails on Timestamp(UTC) against
    # Timestamp(Etc/UTC), and dates depend on where they were computed.
    "spark.sql.session.timeZone": "UTC",
    # Spark's default are the 96-bit times that Parquet has long given up, and that leave no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A window that is written empty over nothing is a commit, too: it says what the window was computed from.
    "spark.databricks.delta.skipRecordingEmptyCommits": "false",
}
# To note for each function of a query who called it takes five times as long as to build the query without. Apache
# Spark takes this from whoever starts it, and warns others.
EMBEDDED_SETTINGS = {"spark.python.sql.dataFrameDebugging.enabled": "false"}
REACH_SECONDS = 10

_starting = Lock()
_opening = Lock()
# Sessions of Spark Connect, by address.
_sessions: dict[str, Any] = {}
_embedded: list[Any] = []
_local: dict[str, tuple[Any, str]] = {}
_reached: set[str] = set()


def spark_session(remote: str = "", lake_uri: str = "") -> "SparkSession":
    """The session of an engine: one for each address, for all of this process; its time zone is UTC.

    PySpark's own `getOrCreate` gives the first session of the process, whichever engine is asked for.

    Args:
        remote: As `SPOTIFY_ASSETS_SPARK_REMOTE`.
        lake_uri: What Apache Spark on this machine has to reach.

    Raises:
        SparkError: where there is no such engine.
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
    """Settings of a Spark Connect session: the address of an engine, which is started where it is embedded or local,
    and what transforms rely on.

    Args:
        remote: As `SPOTIFY_ASSETS_SPARK_REMOTE`.
        lake_uri: What Apache Spark on this machine has to reach.

    Raises:
        SparkError: where there is no such engine.
    """
    if remote.startswith("local"):
        address = local_remote(remote, spark_settings(lake_uri))
    else:
        address = reached(remote) if remote else embedded_remote()
    # PySpark prints what it is about to raise, as a page of JSON.
    logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL + 1)
    return {"spark.remote": address, **SESSION_SETTINGS, **({} if remote else EMBEDDED_SETTINGS)}


def embedded_remote() -> str:
    """Address of the Sail server in this process, started when first asked for."""
    with _starting:
        if not _embedded:
            # Sail logs each session and each hint that it passes over; read when it is imported.
            os.environ.setdefault("RUST_LOG", "error")
            from pysail.spark import SparkConnectServer

            server = SparkConnectServer()
            server.start()
            _embedded.append(server)
        _, port = _embedded[0].listening_address
        return f"sc://localhost:{port}"


def local_remote(master: str, extra: Mapping[str, str] = MappingProxyType({})) -> str:
    """Address of Apache Spark in a Java of this machine, started when first asked for.

    It ends with this process, even with one that is killed.

    Args:
        master: `local[*]`, or `local[2]` for two cores.
        extra: More settings of Spark's.
    """
    with _starting:
        if master not in _local:
            _local[master] = local_server(master, extra)
        return _local[master][1]


def reached(remote: str) -> str:
    """The address, once somebody was found to listen there: PySpark would try for minutes to reach nobody."""
    with _starting:
        if remote not in _reached:
            import grpc
            from pyspark.sql.connect.client import DefaultChannelBuilder

            builder = DefaultChannelBuilder(remote)
            channel = builder.toChannel()
            try:
                grpc.channel_ready_future(channel).result(timeout=REACH_SECONDS)
            except grpc.FutureTimeoutError:
                # Its parameters may be credentials.
                raise SparkError(
                    f"SPOTIFY_ASSETS_SPARK_REMOTE: no Spark Connect server answers at sc://{builder.endpoint}"
                ) from None
            finally:
                channel.close()
            _reached.add(remote)
    return remote
