"""I/O manager for Delta tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.lake.tables import Lake, lake_of_process
from spotify_assets.refresh.plan import LANDED_ONLY, ranges_of_run
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spotify_assets.refresh.frames import LakeFrames


class DeltaLakeIOManager(dg.ConfigurableIOManager):
    """Reads a table, or the run's partitions of it, as a DataFrame; writes a DataFrame in one commit."""

    spark: SparkResource
    settings: dg.ResourceDependency[Settings]

    _frames: "LakeFrames | None" = PrivateAttr(None)

    @property
    def frames(self) -> "LakeFrames":
        """Reads and writes of the run; one instance, so that all steps read each version through one view."""
        from spotify_assets.refresh.frames import LakeFrames

        if self._frames is None:
            self._frames = LakeFrames(
                lake_of_process(self.settings.lake_uri), self.settings, lambda: self.spark.session
            )
        return self._frames

    @property
    def lake(self) -> Lake:
        """The lake of the settings."""
        return self.frames.lake

    def load_input(self, context: dg.InputContext) -> "DataFrame":
        """Read the run's partitions of an upstream table, or all of it if it or the asset is unpartitioned."""
        # Dagster takes 5 ms to name all partitions of ten years, of each input of each table.
        keys: tuple[str, ...] = ()
        if context.has_asset_partitions and context.asset_partitions_def.get_first_partition_key():
            span = context.asset_partition_key_range
            keys = span.start, span.end
        return self.frames.read(context.asset_key.path[-1], keys)

    def handle_output(self, context: dg.OutputContext, obj: "DataFrame") -> None:
        """Replace the run's partitions, or an unpartitioned table as a whole, and record row counts.

        A backfill is one run, of as many partitions as somebody chose. Where they have more records than a run of a
        sync, each table is computed and written range by range, as a sync would.
        """
        table = context.asset_key.path[-1]
        keys = context.asset_partition_keys if context.has_asset_partitions else []
        commit = self._write(table, obj, keys)
        context.add_output_metadata(
            {
                "dagster/uri": self.lake.table_uri(table),
                "dagster/row_count": self.frames.rows(table),
                "delta_version": int(commit["version"]),
            }
        )
        if self.settings.previews:
            from spotify_assets.defs.io_managers.previews import previews

            # Of several partitions, only the last one's event gets it: the UI shows the latest event.
            dg.AssetExecutionContext.get().add_asset_metadata(
                previews(self.lake, table), asset_key=context.asset_key, partition_key=keys[-1] if keys else None
            )
        for key, rows in self.frames.rows_by_key(table, keys).items():
            # Metadata of the output would be the same for all partitions of the run.
            dg.AssetExecutionContext.get().add_asset_metadata(
                {"dagster/partition_row_count": rows}, asset_key=context.asset_key, partition_key=key
            )

    def _write(self, table: str, frame: "DataFrame", keys: Sequence[str]) -> Mapping[str, Any]:
        """Write the rows, or compute and write them anew: range by range, or by groups of listeners."""
        from spotify_assets.transforms.asking import has_asked

        if groups := self.frames.listener_groups(table):
            return self.frames.write_by_listener(table, groups)
        context = dg.AssetExecutionContext.get()
        is_planned = LANDED_ONLY.items() <= context.run.tags.items()
        ranges = [] if is_planned else ranges_of_run(table, keys, self.lake, self.settings)
        if len(ranges) < 2:
            return self.frames.write(table, frame, keys, has_asked=has_asked())
        for part in ranges:
            context.log.info(f"{table}: {part[0]} to {part[-1]}")
            commit = self.frames.write(table, self.frames.compute(table, part), part)
        return commit
