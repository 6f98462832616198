"""Repair of damaged tables: they are emptied, and become stale.

A computed table is computed again from its inputs, a raw one is read again from the landing zone. A raw table of which
landed files are gone is repaired on request only: it may be the last place that has their records.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.model.raw import EXPORTS
from spotify_assets.settings import Settings
from spotify_assets.storage import StorageError, storage_at

# Raw tables that name the landed file of each row, by the folder that they mirror; the first one that can be read is
# asked.
REGISTERS = {
    "history": {"raw_files": "landed_file", "raw_plays": "source_file"},
    "playlists": {"raw_playlist_files": "source_file", "raw_playlists": "source_file"},
    "catalog": {"raw_catalog_files": "landed_file"},
    EXPORTS: {"raw_library": "source_file"},
}


def reset_damaged(lake: Lake, settings: Settings, damaged: Mapping[str, DamagedTableError]) -> list[str]:
    """Empty damaged tables of which nothing can be lost.

    Returns:
        A line for each table: what was damaged, and what happens next.

    Raises:
        DamagedTableError: A table can be repaired on request only; the others are emptied before.
    """
    lines: list[str] = []
    refused: list[DamagedTableError] = []
    for table, error in damaged.items():
        if not error.is_repaired_by_sync:
            refused.append(error)
        elif not error.is_readable and (
            (lost := files_no_longer_landed(lake, settings, table)) or (lost is None and _has_data(lake, table))
        ):
            gone = f"{describe_lost(lost)} no longer landed" if lost else NOTHING_LANDED
            refused.append(DamagedTableError(table, f"{error.reason}, and {gone}", is_repaired_by_sync=False))
        else:
            lake.reset(table)
            lines.append(f"{table} was damaged: {error.reason}. It is {made_again_from(table)}.")
    if refused:
        raise refused[0]
    return lines


def _has_data(lake: Lake, table: str) -> bool:
    """Whether the table's folder holds a data file, of whatever version."""
    log = f"{lake.folder(table)}/_delta_log/"
    return any(
        file.path.endswith(".parquet") and not file.path.startswith(log)
        for file in storage_at(lake.uri).files(lake.folder(table))
    )


NOTHING_LANDED = "nothing is landed that it could be read from"


def require_landing_zone(landing: LandingZone, lake: Lake) -> None:
    """Refuse to take a landing zone that is missing entirely, as on a drive that isn't mounted, for an empty one.

    Raises:
        StorageError: Its folder doesn't exist, though the lake holds what was read from it.
    """
    if landing.storage.is_there():
        return
    for table in (table for table in TABLES if TABLES[table].landed_folder):
        with suppress(DamagedTableError):
            if lake.count(table):
                raise StorageError(
                    f"the landing zone {landing.uri} is gone, and {table} was read from it: mount its drive, or move "
                    "it back; if all that was landed shall go from the lake too, make an empty folder there"
                )


def describe_lost(files: Sequence[str]) -> str:
    """Landed files that are gone: `history/anna/a.json is`, or `3 files (history/anna/a.json, ...) are`."""
    return f"{files[0]} is" if len(files) == 1 else f"{len(files):,} files ({files[0]}, ...) are"


def made_again_from(table: str) -> str:
    """How an emptied table gets its rows again: `computed again`, or `read again from ...`."""
    folder = TABLES[table].landed_folder
    if folder is None:
        return "computed again"
    return f"read again from landing/{'history' if folder == EXPORTS else folder}"


def files_no_longer_landed(lake: Lake, settings: Settings, table: str) -> list[str] | None:
    """Files that a raw table was read from and that are no longer landed; none for a computed table.

    None where that is not known: no table that names them can be read, and nothing is landed.
    """
    folder = TABLES[table].landed_folder
    if folder is None:
        return []
    landing = LandingZone(settings.landing_uri)
    landed = {file.path for file in landing.captures(folder)} if folder not in ("history", EXPORTS) else set()
    if folder in ("history", EXPORTS, "playlists"):
        landed |= {file.path for file in landing.history_files()}
    if folder == "playlists":
        landed |= {file.path for file in landing.captures("catalog")}
    for register, column in REGISTERS.get(folder, {}).items():
        with suppress(DamagedTableError):
            if lake.open(register) is not None:
                known = {row[column].partition("!")[0] for row in lake.rows(register, [column]) if row[column]}
                return sorted(known - landed)
    return [] if landed else None
