"""`spotify-assets verify`: reads every row of every table, and compares raw tables and targets with their sources.

It changes nothing. What a sync judges by sizes and logs is judged here by the data itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow.compute as pc

from spotify_assets.ingest.catalog import feeds
from spotify_assets.ingest.catalog_register import CATALOG_FILES, catalog_register
from spotify_assets.ingest.history_changes import find_changes
from spotify_assets.lake.damage import DamagedTableError, find_unreadable_file
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.model.raw import CATALOG_COLUMNS
from spotify_assets.settings import Settings
from spotify_assets.targets.publishing import CountingTarget, Target, TargetError, pending_refreshes
from spotify_assets.targets.registry import targets

# Tables that list files, and the tables and columns that have the files' rows and their number.
REGISTERED = {"raw_files": ("raw_plays", "records"), "raw_playlist_files": ("raw_playlists", "items")}


def find_faults(settings: Settings, progress: Callable[[str], None] = lambda name: None) -> Iterator[str]:
    """A line for each fault: the table, what is wrong, and the command that mends it.

    Args:
        settings: Locations and targets.
        progress: Called with the name of each table and target before it is read.

    Raises:
        StorageError: The lake or the landing zone can't be reached.
    """
    lake = Lake(settings.lake_uri)
    damaged = set()
    for table, delta in lake.inspect(TABLES).items():
        progress(table)
        error = None
        if isinstance(delta, DamagedTableError):
            error = delta
        elif delta is not None and (reason := find_unreadable_file(delta)):
            error = DamagedTableError(table, reason, is_repaired_by_sync=False)
        if error:
            damaged.add(table)
            yield str(error)
    if "raw_files" not in damaged:
        changes = find_changes(LandingZone(settings.landing_uri), lake, settings)
        if changes.mismatch and not changes.mismatch.damaged:
            yield f"{changes.mismatch.reason}; spotify-assets sync reads what differs again"
    for register, (table, column) in REGISTERED.items():
        if not {register, table} & damaged:
            yield from _compare_register(lake, register, table, column)
    yield from _compare_catalogue(lake, damaged)
    for name, target in targets(settings).items():
        progress(name)
        try:
            yield from _compare_target(name, target, lake, damaged)
        except (TargetError, DamagedTableError) as error:
            yield str(error)


def _compare_register(lake: Lake, register: str, table: str, column: str) -> Iterator[str]:
    """Compare the number of rows of each file with the one that is listed for it."""
    listed: Counter[str] = Counter()
    for row in lake.read(register, ["source_file", column]).to_pylist():
        listed[row["source_file"]] += row[column]
    yield from _compare_rows(lake, register, table, listed)


def _compare_catalogue(lake: Lake, damaged: set[str]) -> Iterator[str]:
    """Compare the number of rows of each catalogue file, in each table that it feeds, with the one that is listed."""
    if CATALOG_FILES in damaged:
        return
    rows = catalog_register(lake)
    for table in CATALOG_COLUMNS:
        if table not in damaged:
            listed = Counter({row["source_file"]: row["records"] for row in rows if feeds(row, table)})
            yield from _compare_rows(lake, CATALOG_FILES, table, listed)


def _compare_rows(lake: Lake, register: str, table: str, listed: Counter[str]) -> Iterator[str]:
    """Compare the rows that a table has of each file with the number that its register lists."""
    counts = pc.value_counts(lake.read(table, ["source_file"])["source_file"]).to_pylist()
    found = Counter({row["values"]: row["counts"] for row in counts})
    for source in sorted({*listed, *found}):
        if found[source] != (expected := listed[source]):
            yield (
                f"{table} has {found[source]:,} rows of {source}, and {register} lists {expected:,}; "
                f"spotify-assets repair {table} reads them again"
            )


def _compare_target(name: str, target: Target, lake: Lake, damaged: set[str]) -> Iterator[str]:
    """Compare the target's versions, and then its numbers of rows with the lake's."""
    sound = [table for table in target.tables if table not in damaged]
    behind = {refresh.table for refresh in pending_refreshes(target, lake, sound)}
    for table in sorted(behind):
        yield f"{name}/{table} is behind the lake; spotify-assets sync publishes it"
    current = [table for table in sound if table not in behind]
    if current and isinstance(target, CountingTarget):
        for table, count in target.counts(current):
            if count.rows != (expected := lake.count(table)):
                yield (
                    f"{name}/{table} has {count.rows:,} of the lake's {expected:,} rows; "
                    f"spotify-assets publish {name} fills it again"
                )
