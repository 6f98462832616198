"""The engine: a Spark Connect session, embedded or elsewhere. No transform knows which."""

import logging
import os
from threading import Lock
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_starting = Lock()
_embedded: list[Any] = []


class SparkResource(dg.ConfigurableResource):
    """A session on Sail in this process, or on the Spark Connect server that `remote` names.

    It starts when it is first asked for, and is shared by all runs of the process.
    """

    remote: str = ""

    @property
    def session(self) -> "SparkSession":
        """The session; its time zone is UTC."""
        config = {
            "spark.remote": self.remote or embedded_remote(),
            # Left to the machine's zone, a replaceWhere that rewrites a file fails on Timestamp(UTC) against
            # Timestamp(Etc/UTC), and dates depend on where they were computed.
            "spark.sql.session.timeZone": "UTC",
        }
        # It prints what it is about to raise, as a page of JSON.
        logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL + 1)
        with _starting:
            return LazyPySparkResource(spark_config=config).spark_session


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
