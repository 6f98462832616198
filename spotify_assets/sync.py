"""What has to run so that every table is up to date with what has landed: one question, asked by all who sync."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from spotify_assets import lineage
from spotify_assets.model import TABLES
from spotify_assets.provenance import Stale

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class PlannedRun:
    """A run of `refresh_tables`: these tables, for this range of partitions (none for unpartitioned tables only)."""

    tables: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def assets(self) -> list[dg.AssetKey]:
        """Keys of its assets."""
        return [dg.AssetKey(table) for table in self.tables]

    @property
    def tags(self) -> dict[str, str]:
        """Tags that make Dagster run the range at once."""
        return {RANGE_START: self.keys[0], RANGE_END: self.keys[-1]} if self.keys else {}

    def __str__(self) -> str:
        if not self.keys:
            return f"{len(self.tables)} tables without partitions"
        months = self.keys[0] if len(self.keys) == 1 else f"{self.keys[0]} to {self.keys[-1]}"
        return f"{months} ({len(self.keys):,} partitions of {len(self.tables)} tables)"


def contiguous(stale: Sequence[str], every: Sequence[str]) -> list[tuple[str, ...]]:
    """Stale partition keys as ranges without gaps, in order of time."""
    place = {key: index for index, key in enumerate(every)}
    ranges: list[list[str]] = []
    for key in sorted(stale, key=place.__getitem__):
        if ranges and place[key] == place[ranges[-1][-1]] + 1:
            ranges[-1].append(key)
        else:
            ranges.append([key])
    return [tuple(keys) for keys in ranges]


def plan(stale: Stale, every: Sequence[str]) -> list[PlannedRun]:
    """Runs that bring everything up to date, to be made one after another.

    One range of partitions is one run. Of several, all but the last compute what comes before dimensions, the last
    computes everything, and then come the facts of the others: facts refer to dimensions, and dimensions are built
    once, from all partitions.

    Args:
        stale: What is not up to date.
        every: All partition keys, in order of time.
    """
    ranges = contiguous(stale.keys, every)
    if not ranges:
        return [PlannedRun(tuple(stale.whole))] if stale.whole else []

    def of_range(keys: tuple[str, ...]) -> list[str]:
        wanted = set(keys)
        return [table for table in lineage.computed_tables() if wanted & set(stale.windows.get(table, ()))]

    runs = [(keys, [table for table in of_range(keys) if not _is_fact(table)]) for keys in ranges[:-1]]
    last = {*of_range(ranges[-1]), *stale.whole}
    runs += [(ranges[-1], [table for table in lineage.computed_tables() if table in last])]
    runs += [(keys, [table for table in of_range(keys) if _is_fact(table)]) for keys in ranges[:-1]]
    return [PlannedRun(tuple(tables), keys) for keys, tables in runs if tables]


def _is_fact(table: str) -> bool:
    return TABLES[table].info["layer"] == "facts"
