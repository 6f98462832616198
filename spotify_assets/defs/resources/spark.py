"""The engine as a Dagster resource: a Spark Connect session, embedded or elsewhere."""

from typing import TYPE_CHECKING, Any

from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from spotify_assets.engine.session import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkResource(LazyPySparkResource):
    """A session on Sail in this process, on the Spark Connect server that `remote` names, or on Apache Spark in a
    Java of this machine, where it is `local[*]`.

    It starts when it is first asked for, and is shared by all runs of the process. It serves as dagster-pyspark's own
    resource, too.
    """

    # Of dagster-pyspark, and unused: what transforms rely on is set in engine/session.py.
    spark_config: dict[str, Any] = Field(default_factory=dict)
    remote: str = ""
    # Where Apache Spark in a Java of this machine has to find its way.
    lake_uri: str = ""

    @property
    def session(self) -> "SparkSession":
        """The session; its time zone is UTC.

        Raises:
            SparkError: where there is no such engine.
        """
        return spark_session(self.remote, self.lake_uri)

    @property
    def spark_session(self) -> "SparkSession":
        """The same, under dagster-pyspark's name."""
        return self.session
