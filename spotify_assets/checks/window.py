"""What a check looks at: the run's window of a partitioned table, else all of it."""

from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets import lineage
from spotify_assets.io_managers import DeltaLakeIOManager
from spotify_assets.io_managers.delta_lake import window_predicate
from spotify_assets.partitions import Window, play_windows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def run_window(context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> Window | None:
    """The span of partitions that the run is about; None where it is about none."""
    tags = context.run.tags
    one = tags.get("dagster/partition")
    first, last = (tags.get(tag, one) for tag in RANGE_TAGS)
    if first is None or last is None:
        return None
    windows = play_windows(lake.settings)
    return Window(windows[first].start, windows[last].end, windows[first].is_first)


def rows_of(table: str, context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> "DataFrame":
    """The table's rows of the run's window."""
    lake.lake.ensure(table)
    frame = lake.spark.session.read.format("delta").load(lake.lake.table_uri(table))
    window = run_window(context, lake)
    if window and lineage.is_partitioned(table):
        return frame.where(window_predicate(table, window))
    return frame
