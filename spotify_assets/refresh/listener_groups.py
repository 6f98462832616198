"""Groups of listeners by which large tables of all time are computed, so that memory is bounded.

Rows of a metric follow from rows of the same listener. So such a table can be computed by groups of listeners, one
after another, and be written in one commit. With ten million plays of four listeners, `top_charts` takes 3.4 instead
of 5.8 GB in two groups, and a sixth less CPU, since more of what is grouped and sorted fits into caches. Four groups
take as much memory as two, and of `track_metrics` a third more CPU.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.refresh.staleness import ListedFile, listed_files
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spotify_assets.lake.tables import Lake

LISTENER = "listener"
# Rows of inputs in a group, for each record of a run: they are narrower than records, and each group reads all files.
ROWS_FOR_A_RECORD = 2


@dataclass(frozen=True)
class ListenerGroup:
    """Some listeners, or all others.

    Attributes:
        listeners: Names.
        are_others: Whether the group is of all listeners but these.
    """

    listeners: tuple[str, ...]
    are_others: bool = False

    def rows(self, frame: "DataFrame") -> "DataFrame":
        """The rows of the group; all rows of a table without listeners."""
        from pyspark.sql import functions as F

        if LISTENER not in frame.columns:
            return frame
        is_one = frame[LISTENER].isin(*self.listeners)
        return frame.where(~F.coalesce(is_one, F.lit(False)) if self.are_others else is_one)


def is_by_listener(table: str) -> bool:
    """Whether each of a table's rows follows from rows of the same listener, and it is written as a whole."""
    model = TABLES[table]
    return model.layer == "metrics" and not model.is_partitioned and model.primary_key[0] == LISTENER


def listener_groups(table: str, lake: "Lake", settings: Settings, count: Callable[[str], int]) -> list[ListenerGroup]:
    """The groups by which to compute a table; none if it is to be computed at once.

    Args:
        table: The table.
        lake: The lake, with the records that are landed.
        settings: `max_records_a_run`: the rows of a group's largest input are to be at most `ROWS_FOR_A_RECORD` times
            as many. Those of one listener may be more, but nobody hears millions of plays.
        count: Number of rows of an input.
    """
    if not is_by_listener(table) or settings.spark_remote:
        return []
    inputs = [name for name in lineage.upstreams(table) if LISTENER in TABLES[name].columns]
    number = math.ceil(max(map(count, inputs), default=0) / (ROWS_FOR_A_RECORD * settings.max_records_a_run))
    return _balanced(_records_by_listener(listed_files(lake)), number) if number > 1 else []


def _records_by_listener(files: Iterable[ListedFile]) -> dict[str, int]:
    records: dict[str, int] = {}
    for file in files:
        records[file.listener] = records.get(file.listener, 0) + file.records
    return records


def _balanced(records: Mapping[str, int], number: int) -> list[ListenerGroup]:
    """So many groups, or fewer, of about equal size. The last is of all listeners that are in none of the others."""
    groups: list[list[str]] = [[] for _ in range(min(number, len(records)))]
    if len(groups) < 2:
        return []
    sizes = [0] * len(groups)
    for listener in sorted(records, key=lambda one: (-records[one], one)):
        least = sizes.index(min(sizes))
        groups[least].append(listener)
        sizes[least] += records[listener]
    named = [ListenerGroup(tuple(sorted(group))) for group in groups[:-1]]
    return [*named, ListenerGroup(tuple(sorted(name for group in groups[:-1] for name in group)), are_others=True)]
