"""Delta tables as inputs and outputs of assets."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.lake.tables import Lake
from spotify_assets.refresh.frames import LakeFrames
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class DeltaLakeIOManager(dg.ConfigurableIOManager):
    """Reads a table, or the run's window of it, as a DataFrame; writes a DataFrame in one commit."""

    spark: SparkResource
    settings: dg.ResourceDependency[Settings]

    _frames: LakeFrames | None = PrivateAttr(None)

    @property
    def frames(self) -> LakeFrames:
        """The tables, for all of a run."""
        if self._frames is None:
            self._frames = LakeFrames(Lake(self.settings.lake_uri), self.settings, lambda: self.spark.session)
        return self._frames

    @property
    def lake(self) -> Lake:
        """The lake that the settings name."""
        return self.frames.lake

    def load_input(self, context: dg.InputContext) -> "DataFrame":
        """The upstream table; of a partitioned one, the run's window, unless the asset is unpartitioned."""
        keys = context.asset_partition_keys if context.has_asset_partitions else []
        return self.frames.read(context.asset_key.path[-1], keys)

    def handle_output(self, context: dg.OutputContext, obj: "DataFrame") -> None:
        """Replaces the run's window, or the whole of an unpartitioned table."""
        table = context.asset_key.path[-1]
        keys = context.asset_partition_keys if context.has_asset_partitions else []
        commit = self.frames.write(table, obj, keys)
        context.add_output_metadata(
            {
                "dagster/uri": self.lake.table_uri(table),
                "dagster/row_count": self.frames.rows(table),
                "delta_version": int(commit["version"]),
            }
        )
        for key, rows in self.frames.rows_by_key(table, keys).items():
            # An output's own metadata goes to each partition of the run alike.
            dg.AssetExecutionContext.get().add_asset_metadata(
                {"dagster/partition_row_count": rows}, asset_key=context.asset_key, partition_key=key
            )
