"""The rows that a check reads: the run's partitions, or an unpartitioned table as a whole."""

from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.model import TABLES
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def run_window(table: str, context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> TimeWindow | None:
    """Span of the table's partitions in the run; None if the run has no partitions of the table."""
    tags = context.run.tags
    partition = tags.get("dagster/partition")
    first, last = (tags.get(tag, partition) for tag in RANGE_TAGS)
    windows = windows_of(TABLES[table], lake.settings)
    if first not in windows or last not in windows:
        return None
    return span_of([first, last], windows)


def window_rows(table: str, context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> "DataFrame":
    """Rows of the table in the run's partitions, or all rows if it has none."""
    frame = lake.frames.read(table)
    window = run_window(table, context, lake)
    if window:
        return frame.where(window_predicate(TABLES[table], window))
    return frame
