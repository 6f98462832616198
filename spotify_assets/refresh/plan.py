"""Plan the runs that bring stale tables up to date, for the sensors and for `spotify-assets sync`."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake, lake_of_process
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage
from spotify_assets.refresh.staleness import Stale, listed_files, records_by_key
from spotify_assets.settings import Settings
from spotify_assets.storage import StorageError, is_s3
from spotify_assets.windows import windows

# A run with this tag reads landed responses and makes no requests to the Web API.
LANDED_ONLY = {"spotify_assets/source": "landed"}
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# Recording this many empty partitions in Dagster takes as long as a further run.
MAX_BRIDGED = 14
# Of all tables together that the embedded engine computes at once.
RECORDS_AT_ONCE = 4_000_000
# In S3, so many times as many as on disk: most of a small table's time is waiting for requests.
TABLES_WAITING = 3


@dataclass(frozen=True)
class PlannedRun:
    """A run of one of the jobs `REFRESH`: tables and a range of partition keys, empty for unpartitioned tables."""

    tables: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """Tags that make Dagster run the range in one run, from landed responses."""
        of_range = {RANGE_START: self.keys[0], RANGE_END: self.keys[-1]} if self.keys else {}
        return of_range | LANDED_ONLY

    @property
    def partitioning(self) -> str | None:
        """`PLAYS` or `SNAPSHOTS`; None if no table of the run is partitioned."""
        return next(filter(None, (TABLES[table].partitioning for table in self.tables)), None)

    def __str__(self) -> str:
        if not self.keys:
            return f"{len(self.tables)} tables without partitions"
        periods = self.keys[0] if len(self.keys) == 1 else f"{self.keys[0]} to {self.keys[-1]}"
        return f"{periods} ({len(self.keys):,} partitions of {len(self.tables)} tables)"


def tables_at_once(settings: Settings) -> int:
    """How many tables of a run to compute at once: `concurrent_tables`, and fewer where a lake has many plays.

    A table of so many plays keeps all cores busy by itself, and each takes memory for them. In S3, it is up to
    `TABLES_WAITING` times as many.
    """
    if settings.spark_remote:
        return settings.concurrent_tables
    try:
        records = lake_of_process(settings.lake_uri).count("raw_plays")
    except (DamagedTableError, StorageError):  # the run mends it, or says so
        return settings.concurrent_tables
    most = settings.concurrent_tables * (TABLES_WAITING if is_s3(settings.lake_uri) else 1)
    return max(1, min(most, RECORDS_AT_ONCE // max(records, 1)))


def contiguous_ranges(
    stale: Sequence[str], every: Sequence[str], empty: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Group stale partition keys into ranges of consecutive keys, in order of time.

    A gap of at most `MAX_BRIDGED` partitions, all empty, is included: writing empty partitions costs less than a
    further run.

    Args:
        stale: Stale partition keys.
        every: All partition keys, in order of time.
        empty: Partition keys without data.
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


def split_range(keys: Sequence[str], records: Mapping[str, float], most: int) -> list[tuple[str, ...]]:
    """Split a range of partitions into as few ranges of about equal size as hold at most `most` records each.

    Args:
        keys: Consecutive partition keys.
        records: Number of records by partition key, estimated.
        most: Records that a range may hold, about; a single partition may hold more.
    """
    total = sum(records.get(key, 0) for key in keys)
    count = max(math.ceil(total / most), 1)
    ranges: dict[int, list[str]] = {}
    before = 0.0
    for key in keys:
        middle = before + records.get(key, 0) / 2
        ranges.setdefault(min(int(middle / total * count), count - 1) if total else 0, []).append(key)
        before += records.get(key, 0)
    return [tuple(range_) for range_ in ranges.values()]


def ranges_of_run(table: str, keys: Sequence[str], lake: Lake, settings: Settings) -> list[tuple[str, ...]]:
    """The ranges in which a table's partitions of a run are computed that wasn't planned here, as by a backfill.

    Args:
        table: A table of the run.
        keys: Consecutive partition keys; none of an unpartitioned table.
        lake: The lake, with the records that are landed.
        settings: Start and grain of partitions, and the limit of records.
    """
    if TABLES[table].partitioning != PLAYS or len(keys) < 2:
        return [tuple(keys)]
    records = records_by_key(listed_files(lake), windows(PLAYS, settings))
    return split_range(keys, records, settings.max_records_a_run)


def plan_runs(stale: Stale, settings: Settings, now: datetime | None = None) -> list[PlannedRun]:
    """Plan the runs that bring all stale tables up to date, in the order in which they have to run.

    Each range of partitions is one run, or several if it has more than `max_records_a_run` records. Facts refer to
    dimensions, and dimensions are built once, from all partitions. So with several ranges, all but the last are first
    computed without facts, then the last range with everything, then the facts of the other ranges.

    Args:
        stale: Stale partitions and tables.
        settings: Start and grain of partitions, and the limit of records.
        now: Current time, up to which there are partitions.
    """
    ranges = [
        (kind, part)
        for kind in (SNAPSHOTS, PLAYS)
        for keys in contiguous_ranges(
            stale.keys(kind), list(windows(kind, settings, now)), stale.empty_days if kind == SNAPSHOTS else ()
        )
        for part in split_range(keys, stale.records, settings.max_records_a_run)
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
