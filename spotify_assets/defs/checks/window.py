"""What a check looks at: the run's window of a partitioned table, else all of it."""

from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.model import TABLES
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def run_window(table: str, context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> TimeWindow | None:
    """The span of the table's partitions that the run is about; None where it is about none of them."""
    tags = context.run.tags
    one = tags.get("dagster/partition")
    first, last = (tags.get(tag, one) for tag in RANGE_TAGS)
    windows = windows_of(TABLES[table], lake.settings)
    if first not in windows or last not in windows:
        return None
    return span_of([first, last], windows)


def window_rows(table: str, context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> "DataFrame":
    """The table's rows of the run's window."""
    frame = lake.frames.read(table)
    window = run_window(table, context, lake)
    if window:
        return frame.where(window_predicate(TABLES[table], window))
    return frame
