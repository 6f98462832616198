"""What has to run so that every table is up to date with what has landed: one question, asked by all who sync."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage
from spotify_assets.refresh.staleness import Stale
from spotify_assets.settings import Settings
from spotify_assets.windows import windows

# A run with this tag reads what is landed, and asks the Web API for nothing.
LANDED_ONLY = {"spotify_assets/source": "landed"}
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# Dagster's bookkeeping of so many empty partitions costs what one more run would.
MAX_BRIDGED = 14


@dataclass(frozen=True)
class PlannedRun:
    """A run of one of the jobs `REFRESH`: these tables, for this range of partitions, or for none."""

    tables: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """Tags that make Dagster run the range at once, from what is landed."""
        of_range = {RANGE_START: self.keys[0], RANGE_END: self.keys[-1]} if self.keys else {}
        return of_range | LANDED_ONLY

    @property
    def partitioning(self) -> str | None:
        """What its partitioned tables are partitioned by."""
        return next(filter(None, (TABLES[table].partitioning for table in self.tables)), None)

    def __str__(self) -> str:
        if not self.keys:
            return f"{len(self.tables)} tables without partitions"
        periods = self.keys[0] if len(self.keys) == 1 else f"{self.keys[0]} to {self.keys[-1]}"
        return f"{periods} ({len(self.keys):,} partitions of {len(self.tables)} tables)"


def contiguous(stale: Sequence[str], every: Sequence[str], empty: Collection[str] = ()) -> list[tuple[str, ...]]:
    """Stale partition keys as ranges without gaps, in order of time.

    A short gap of nothing but empty partitions is bridged: to write nothing where nothing is costs less than a run.
    """
    wanted = set(stale)
    ranges: list[list[str]] = []
    gap: list[str] | None = None
    for key in every:
        if key in wanted:
            if gap is None:
                ranges.append([key])
            else:
                ranges[-1] += [*gap, key]
            gap = []
        elif gap is not None:
            gap = [*gap, key] if key in empty and len(gap) < MAX_BRIDGED else None
    return [tuple(keys) for keys in ranges]


def bounded(keys: Sequence[str], records: Mapping[str, float], most: int) -> list[tuple[str, ...]]:
    """A range of partitions cut into as few ranges as hold at most about so many records each, all about alike."""
    total = sum(records.get(key, 0) for key in keys)
    count = max(math.ceil(total / most), 1)
    ranges: dict[int, list[str]] = {}
    before = 0.0
    for key in keys:
        middle = before + records.get(key, 0) / 2
        ranges.setdefault(min(int(middle / total * count), count - 1) if total else 0, []).append(key)
        before += records.get(key, 0)
    return [tuple(range_) for range_ in ranges.values()]


def plan_runs(stale: Stale, settings: Settings, now: datetime | None = None) -> list[PlannedRun]:
    """Runs that bring everything up to date, to be made one after another.

    One range of partitions is one run, unless it holds too many records for the memory of one. Of several, all but the
    last compute what comes before dimensions, the last computes everything, and then come the facts of the others:
    facts refer to dimensions, and dimensions are built once, from all partitions.

    Args:
        stale: What is not up to date.
        settings: From when on there are partitions.
        now: Until when.
    """
    ranges = [
        (kind, part)
        for kind in (SNAPSHOTS, PLAYS)
        for keys in contiguous(
            stale.keys(kind), list(windows(kind, settings, now)), stale.empty_days if kind == SNAPSHOTS else ()
        )
        for part in bounded(keys, stale.records, settings.max_records_a_run)
    ]
    if not ranges:
        return [PlannedRun(tuple(stale.whole))] if stale.whole else []

    def of_range(kind: str, keys: tuple[str, ...]) -> list[str]:
        wanted = set(keys)
        return [
            table
            for table in lineage.refreshed_tables()
            if TABLES[table].partitioning == kind and wanted & set(stale.windows.get(table, ()))
        ]

    runs = [(keys, [table for table in of_range(kind, keys) if not _is_fact(table)]) for kind, keys in ranges[:-1]]
    last = {*of_range(*ranges[-1]), *stale.whole}
    runs += [(ranges[-1][1], [table for table in lineage.refreshed_tables() if table in last])]
    runs += [(keys, [table for table in of_range(kind, keys) if _is_fact(table)]) for kind, keys in ranges[:-1]]
    return [PlannedRun(tuple(tables), keys) for keys, tables in runs if tables]


def _is_fact(table: str) -> bool:
    return TABLES[table].layer == "facts"
