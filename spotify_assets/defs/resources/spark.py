"""The engine as a Dagster resource: a Spark Connect session, embedded or elsewhere."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from spotify_assets.engine.session import spark_session, use_connect_functions
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkResource(LazyPySparkResource):
    """Spark Connect session, started on first use and shared by all runs of the process.

    It can be used in place of dagster-pyspark's resource.

    Attributes:
        spark_config: Field of dagster-pyspark; unused, as `engine.session` sets what transforms rely on.
        settings: Name the engine, and the lake for which `local[*]` needs storage settings. The engine's address is no
            field here: Dagster keeps configuration in its database, and the address may hold a token.
    """

    spark_config: dict[str, Any] = Field(default_factory=dict)
    settings: dg.ResourceDependency[Settings]

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Start no session: a run's first step, which may be a check, starts it when it reads a table."""
        use_connect_functions()
        super().setup_for_execution(context)

    @property
    def session(self) -> "SparkSession":
        """The session; its time zone is UTC.

        Raises:
            SparkError: The engine can't be reached or started.
        """
        return spark_session(self.settings.spark_remote.get_secret_value(), self.settings.lake_uri)

    @property
    def spark_session(self) -> "SparkSession":
        """`session` by its name in dagster-pyspark."""
        return self.session
