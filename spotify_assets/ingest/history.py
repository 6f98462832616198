"""Landed files into `raw_plays` and `raw_files`: only what is new, changed or gone.

A file counts only once `raw_files` lists it, and is taken off the list before its records are touched: whatever
interrupts this, the next run reads again what is not listed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from spotify_assets.ingest.history_rows import (
    SourceRead,
    all_records,
    instead_of,
    latest_valid,
    listed,
    records,
    sources_of,
    unreadable_file,
)
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import HistoryFile, LandingZone, file_sha256
from spotify_assets.model import TABLES
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.sources import Source
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings
from spotify_assets.storage import OutsideStorageError
from spotify_assets.windows import floor_to_grain

STREAMED_BYTES = 64 << 20
GROUP_BYTES = 128 << 20
GROUP_FILES = 200
ReadProgress = Callable[[str], None]


@dataclass
class Changes:
    """How the landing zone differs from what `raw_files` lists; and how many files of history it holds."""

    to_read: list[HistoryFile] = field(default_factory=list)
    touched: list[HistoryFile] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    files: int = 0

    def __bool__(self) -> bool:
        return bool(self.to_read or self.touched or self.gone)

    def summary(self) -> str:
        """In words, as `2 new, 1 changed, 1 deleted`."""
        new = len(self.to_read) - len(self.changed)
        parts = {
            "new": new,
            "changed": len(self.changed),
            "touched": len(self.touched),
            "deleted": len(self.gone),
        }
        return ", ".join(f"{count:,} {word}" for word, count in parts.items() if count) or "no change"


@dataclass(frozen=True)
class Ingested:
    """What a run did."""

    changes: Changes
    files: int
    records: int
    unreadable: dict[str, str]


def reader_version(settings: Settings, statuses: Iterable[str]) -> str:
    """What besides a file's content decides how it is read; for one that can't be read, that is its limits, too."""
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    limits = f" up to {settings.max_json_mb}/{settings.max_unzipped_mb} MB" if "unreadable" in statuses else ""
    return f"{lineage.code_version('raw_plays')} from {start:%Y-%m-%d}{limits}"


def find_changes(
    landing: LandingZone, lake: Lake, settings: Settings, settled_before: datetime | None = None
) -> Changes:
    """Compare the landing zone with `raw_files`: by size and time, and by content where these differ.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Where plays start.
        settled_before: Files touched since then wait, as they may still be copied.
    """
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in lake.read("raw_files").to_pylist():
        listed.setdefault(row["landed_file"], []).append(row)
    changes = Changes()
    present = set()
    now = datetime.now(UTC)
    for file in landing.history_files():
        present.add(file.path)
        rows = listed.get(file.path)
        if rows and [rows[0][name] for name in ("size", "landed_at", "etag", "reader_version")] == [
            file.size,
            file.landed_at,
            file.etag or None,
            reader_version(settings, [row["status"] for row in rows]),
        ]:
            continue
        if settled_before and file.landed_at > settled_before and file.landed_at <= now:
            continue
        if rows and _is_only_touched(file, rows, landing, settings, now):
            changes.touched.append(file)
            continue
        changes.to_read.append(file)
        if rows:
            changes.changed.add(file.path)
    changes.gone = sorted(set(listed) - present)
    changes.files = len(present)
    return changes


def _is_only_touched(
    file: HistoryFile, rows: list[dict[str, Any]], landing: LandingZone, settings: Settings, now: datetime
) -> bool:
    """Whether only the time of modification changed, and no record's validity with it."""
    version = reader_version(settings, [row["status"] for row in rows])
    if rows[0]["size"] != file.size or rows[0]["reader_version"] != version:
        return False
    bound = latest_valid(file.landed_at, settings, now)
    depends_on_time = any(
        (row["undated_records"] and row["status"] == "read")
        or (row["last_played_at"] and row["last_played_at"] > bound)
        for row in rows
    )
    try:
        return not depends_on_time and file_sha256(partial(landing.open, file.path)) == rows[0]["sha256"]
    except (OSError, OutsideStorageError):
        return False


def ingest(
    landing: LandingZone, lake: Lake, settings: Settings, progress: ReadProgress = lambda message: None
) -> Ingested:
    """Bring `raw_plays` and `raw_files` up to date with the landing zone."""
    lake.ensure("raw_plays")
    lake.ensure("raw_files")
    changes = find_changes(landing, lake, settings)
    _take_off(lake, changes)
    reads: list[SourceRead] = []
    for group in _groups(changes.to_read):
        reads += _read_group(group, landing, lake, settings, progress)
    if changes.touched:
        _update_touched(lake, changes.touched)
    return Ingested(
        changes,
        len(changes.to_read),
        sum(read.records for read in reads),
        {read.source: read.detail or "" for read in reads if read.status == "unreadable"},
    )


def _take_off(lake: Lake, changes: Changes) -> None:
    """Take what changed or is gone off the list, and then drop all records of files that are not listed."""
    unlisted = {*changes.changed, *changes.gone}
    if unlisted:
        _replace_rows(lake, "raw_files", "landed_file", unlisted, [])
    files = lake.read("raw_files", ["source_file", "records"])
    plays = lake.ensure("raw_plays")
    landed_records = pc.sum(pa.table(plays.get_add_actions(flatten=True))["num_records"]).as_py() or 0
    if landed_records != (pc.sum(files["records"]).as_py() or 0):
        listed = set(files["source_file"].to_pylist())
        found: set[str] = set()
        for batch in plays.to_pyarrow_dataset().to_batches(columns=["source_file"]):
            found.update(pc.unique(batch["source_file"]).to_pylist())
        if orphans := found - listed:
            _replace_rows(lake, "raw_plays", "source_file", orphans, [])


def _groups(files: list[HistoryFile]) -> Iterator[list[HistoryFile]]:
    """Files to be committed together; a large one alone."""
    group: list[HistoryFile] = []
    for file in files:
        is_large = file.size > STREAMED_BYTES
        if group and (is_large or len(group) >= GROUP_FILES or sum(f.size for f in group) + file.size > GROUP_BYTES):
            yield group
            group = []
        group.append(file)
        if is_large:
            yield group
            group = []
    if group:
        yield group


def _read_group(
    group: list[HistoryFile], landing: LandingZone, lake: Lake, settings: Settings, progress: ReadProgress
) -> list[SourceRead]:
    """Read files, commit their records, and then list them."""
    reads: list[SourceRead] = []
    digests: dict[str, str] = {}
    collected: list[pa.Table] = []
    for file, opener in landing.fetch(group):
        try:
            digests[file.path] = file_sha256(opener)
            with sources_of(file, opener, settings) as parts:
                for read, source in parts:
                    if file.size > STREAMED_BYTES and source.open:
                        _stream(read, source, lake, settings)
                    else:
                        collected += all_records(read, source, settings)
                    reads.append(read)
        except FileNotFoundError:
            continue  # deleted since it was listed: the next run sees it gone
        except (OSError, OutsideStorageError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            digests.setdefault(file.path, "")
            read, instead = unreadable_file(file, reason)
            collected += instead
            reads.append(read)
        progress(f"{file.path}: {sum(read.records for read in reads if read.file is file):,} records")
    if collected:
        _replace_rows(lake, "raw_plays", "source_file", {read.source for read in reads}, collected)
    loaded_at = datetime.now(UTC)
    statuses: dict[str, list[str]] = {}
    for read in reads:
        statuses.setdefault(read.file.path, []).append(read.status)
    rows = [
        listed(read, digests[read.file.path], loaded_at, reader_version(settings, statuses[read.file.path]))
        for read in reads
    ]
    _replace_rows(
        lake,
        "raw_files",
        "landed_file",
        {read.file.path for read in reads},
        [pa.Table.from_pylist(rows, TABLES["raw_files"].arrow_schema)] if rows else [],
    )
    return reads


def _stream(read: SourceRead, source: Source, lake: Lake, settings: Settings) -> None:
    """Commit the records of a large source as they are read; nothing where it fails half-way."""
    failure: list[NoHistoryError | UnreadableError] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for table in records(read, source, settings):
                yield from table.to_batches()
        except (NoHistoryError, UnreadableError) as error:
            failure.append(error)
            raise

    try:
        _replace_rows(lake, "raw_plays", "source_file", {read.source}, batches)
    except DeltaError:
        if not failure:
            raise
        if instead := instead_of(read, failure[0]):
            _replace_rows(lake, "raw_plays", "source_file", {read.source}, instead)


def _update_touched(lake: Lake, touched: list[HistoryFile]) -> None:
    """Note the new time of files whose content did not change."""
    files = {file.path: file for file in touched}
    rows = [row for row in lake.read("raw_files").to_pylist() if row["landed_file"] in files]
    for row in rows:
        file = files[row["landed_file"]]
        row |= {"landed_at": file.landed_at, "etag": file.etag or None}
    _replace_rows(
        lake,
        "raw_files",
        "landed_file",
        files,
        [pa.Table.from_pylist(rows, TABLES["raw_files"].arrow_schema)],
    )


def _replace_rows(
    lake: Lake,
    table: str,
    column: str,
    values: Iterable[str],
    rows: list[pa.Table] | Callable[[], Iterator[pa.RecordBatch]],
) -> None:
    """Replace the rows that have one of the values, in one commit."""
    literals = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
    if not literals:
        return

    def from_tables() -> Iterator[pa.RecordBatch]:
        return (batch for part in rows for batch in part.to_batches())  # type: ignore[union-attr]  # a list

    lake.replace(table, from_tables if isinstance(rows, list) else rows, predicate=f"{column} IN ({literals})")
