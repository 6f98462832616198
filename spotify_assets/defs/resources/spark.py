"""The engine as a Dagster resource: a Spark Connect session, embedded or elsewhere."""

from typing import TYPE_CHECKING, Any

from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from spotify_assets.engine.session import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkResource(LazyPySparkResource):
    """Spark Connect session, started on first use and shared by all runs of the process.

    It can be used in place of dagster-pyspark's resource.

    Attributes:
        spark_config: Field of dagster-pyspark; unused, as `engine.session` sets what transforms rely on.
        remote: Empty for embedded Sail, the address of a Spark Connect server (`sc://...`), or `local[*]` for Apache
            Spark on this machine.
        lake_uri: The lake, for which `local[*]` needs storage settings.
    """

    spark_config: dict[str, Any] = Field(default_factory=dict)
    remote: str = ""
    lake_uri: str = ""

    @property
    def session(self) -> "SparkSession":
        """The session; its time zone is UTC.

        Raises:
            SparkError: The engine can't be reached or started.
        """
        return spark_session(self.remote, self.lake_uri)

    @property
    def spark_session(self) -> "SparkSession":
        """`session` by its name in dagster-pyspark."""
        return self.session
