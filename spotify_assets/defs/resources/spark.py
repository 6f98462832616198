"""The engine as a Dagster resource: a Spark Connect session, embedded or elsewhere."""

from threading import Lock
from typing import TYPE_CHECKING

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from spotify_assets.engine.session import session_config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_opening = Lock()


class SparkResource(dg.ConfigurableResource):
    """A session on Sail in this process, on the Spark Connect server that `remote` names, or on Apache Spark in a
    Java of this machine, where it is `local[*]`.

    It starts when it is first asked for, and is shared by all runs of the process.
    """

    remote: str = ""
    # Where Apache Spark in a Java of this machine has to find its way.
    lake_uri: str = ""

    @property
    def session(self) -> "SparkSession":
        """The session; its time zone is UTC.

        Raises:
            SparkError: where there is no such engine.
        """
        config = session_config(self.remote, self.lake_uri)
        with _opening:
            return LazyPySparkResource(spark_config=config).spark_session
