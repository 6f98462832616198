"""The register of landed catalogue files: what was read, what of it is used, and what waits to be read.

Each command asks this, and most of the time the answer is nothing. So the readers of files are not imported here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from spotify_assets.ingest.history_changes import UnusedFile, unused_first
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import CATALOG, LandingZone
from spotify_assets.storage import StoredFile

CATALOG_FILES = "raw_catalog_files"


def known_catalog_digests(lake: Lake) -> dict[StoredFile, str]:
    """SHA-256 of landed catalogue files when they were read, by what was listed of them then.

    None of a damaged table, which the next sync makes again.
    """
    rows: list[dict[str, Any]] = []
    with suppress(DamagedTableError):
        rows = lake.rows(CATALOG_FILES, ["landed_file", "size", "landed_at", "etag", "sha256"])
    return {
        StoredFile(row["landed_file"], row["size"], row["landed_at"], row["etag"] or ""): row["sha256"]
        for row in rows
        if row["sha256"]
    }


def catalog_use_of(lake: Lake, landed_files: Iterable[str]) -> tuple[list[dict[str, Any]], list[UnusedFile]]:
    """Of landed files: rows of the register of what was read, by `source_file`, and what of them was not used."""
    wanted = set(landed_files)
    columns = ["source_file", "landed_file", "status", "detail", "feeds", "records", "bad_records"]
    rows = [row for row in lake.rows(CATALOG_FILES, columns) if row["landed_file"] in wanted]
    used = sorted((row for row in rows if row["status"] == "read"), key=lambda row: row["source_file"])
    return used, unused_first(_unused_catalog(rows))


def catalog_register(lake: Lake) -> list[dict[str, Any]]:
    """Rows of `raw_catalog_files`, by `source_file`; none of a damaged table."""
    with suppress(DamagedTableError):
        return sorted(lake.rows(CATALOG_FILES), key=lambda row: row["source_file"])
    return []


def catalog_changes(
    before: Collection[Mapping[str, Any]], after: Collection[Mapping[str, Any]]
) -> tuple[str, list[UnusedFile]]:
    """What was read between two states of the register: a summary, as `2 new, 1 deleted`, and what of it isn't used.

    The summary is empty where nothing changed.
    """
    was, now = ({row["landed_file"]: row["loaded_at"] for row in rows} for rows in (before, after))
    read = {path for path, loaded_at in now.items() if was.get(path) != loaded_at}
    counts = {"new": len(read - was.keys()), "read again": len(read & was.keys()), "deleted": len(was.keys() - now)}
    summary = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    return summary, unused_first(_unused_catalog(row for row in after if row["landed_file"] in read))


def waiting_catalog(landing: LandingZone, listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Paths of landed catalogue files that are `new` or `changed`, and of listed ones that are `deleted`.

    Only size, time and ETag are compared.

    Args:
        landing: The landing zone.
        listed: Rows of `raw_catalog_files`.
    """
    known = {row["landed_file"]: (row["size"], row["landed_at"], row["etag"]) for row in listed}
    waiting = dict.fromkeys(known, "deleted")
    for file in landing.captures(CATALOG):
        if file.path not in known:
            waiting[file.path] = "new"
        elif known[file.path] != (file.size, file.landed_at, file.etag or None):
            waiting[file.path] = "changed"
        else:
            del waiting[file.path]
    return waiting


def _unused_catalog(rows: Iterable[Mapping[str, Any]]) -> Iterator[UnusedFile]:
    for row in rows:
        if row["status"] != "read":
            yield UnusedFile(row["source_file"], row["status"], row["detail"] or "")
