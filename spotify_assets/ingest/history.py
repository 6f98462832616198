"""Incremental ingest of landed history files into `raw_plays` and `raw_files`: files that are new, changed or deleted.

A file's records count only while `raw_files` lists the file. It is removed from there before its records are replaced,
and added after they are committed: after an interruption at any point, the next run reads the unlisted files again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from spotify_assets.ingest.history_changes import (
    HISTORY_TABLES,
    STANDING_STATUSES,
    Changes,
    UnusedFile,
    count_rows,
    find_changes,
    find_mismatch,
    reader_version,
    unused_first,
    unused_source,
)
from spotify_assets.ingest.history_rows import (
    SourceRead,
    all_records,
    date_exports,
    failure_records,
    file_row,
    records,
    sources_of,
    unreadable_file,
)
from spotify_assets.lake.commits import WHOLE, commit_metadata, window_states, window_versions
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.overrides import DateOrders
from spotify_assets.landing.zone import HistoryFile, LandingZone, file_sha256
from spotify_assets.model import TABLES
from spotify_assets.readers.errors import NoHistoryError, UnreadableError, is_passing
from spotify_assets.readers.sources import Source
from spotify_assets.refresh import repair
from spotify_assets.refresh.clock import with_end
from spotify_assets.settings import Settings
from spotify_assets.storage import OutsideStorageError
from spotify_assets.storage.base import Opener

STREAMED_BYTES = 64 << 20
GROUP_BYTES = 128 << 20
GROUP_FILES = 2_000
HELD_BYTES = 1 << 20
# In groups of more files, files are not named one by one.
NAMED_FILES = 200
ReadProgress = Callable[[str], None]


@dataclass(frozen=True)
class IngestResult:
    """Result of a run: number of files and records read, and what of these files was not used."""

    changes: Changes
    files: int
    records: int
    unused: list[UnusedFile]

    @property
    def unreadable(self) -> dict[str, str]:
        """Reasons why files are unreadable, by source."""
        return {file.source: file.reason for file in self.unused if file.status == "unreadable"}


def ingest(
    landing: LandingZone, lake: Lake, settings: Settings, progress: ReadProgress = lambda message: None
) -> IngestResult:
    """Bring `raw_plays` and `raw_files` up to date with the landing zone.

    Raises:
        StorageError: where the landing zone or the lake can't be reached.
        DamagedTableError: A raw table is damaged, and landed files that it was read from are gone.
    """
    for line in repair.reset_damaged(lake, settings, find_mismatch(lake).damaged):
        progress(line)
    lake.ensure("raw_plays")
    lake.ensure("raw_files")
    changes = find_changes(landing, lake, settings)
    if changes.mismatch:
        progress(f"{changes.mismatch.reason}: {changes.summary()}")
    if changes.mismatch.sources is None:
        for table in HISTORY_TABLES:
            lake.replace(table, lambda: iter(()), metadata=partial(_metadata, lake, table, is_whole=True))
    _unlist(lake, changes.deleted)
    _remove_unlisted_records(lake)
    reads: list[SourceRead] = []
    unread: dict[str, str] = {}
    listed = changes.changed | changes.again
    for group in _groups(changes.to_read):
        reads += _read_group(group, listed, unread, landing, lake, settings, changes.date_orders, progress)
    if listed:
        # An archive may have lost members.
        _remove_unlisted_records(lake)
    if changes.touched:
        _update_touched(lake, changes.touched)
    standing = [file for file in changes.unused if file.status in STANDING_STATUSES]
    return IngestResult(
        changes,
        len(changes.to_read) - len(unread),
        sum(read.records for read in reads),
        unused_first(
            [
                *(
                    UnusedFile(path, "not read yet", f"{reason}; the next sync tries again")
                    for path, reason in unread.items()
                ),
                *filter(None, (unused_source(read.source, read.status, read.detail) for read in reads)),
                *standing,
            ]
        ),
    )


def _unlist(lake: Lake, paths: Iterable[str]) -> None:
    """Remove landed files from `raw_files`."""
    _replace_rows(lake, "raw_files", "landed_file", paths, [])


def _remove_unlisted_records(lake: Lake) -> None:
    """Remove records of files that `raw_files` doesn't list; nothing is scanned where the numbers agree."""
    files = lake.read("raw_files", ["source_file", "records"])
    files = files.filter(pc.greater(files["records"], 0))
    plays = lake.ensure("raw_plays")
    if count_rows(plays) != (pc.sum(files["records"]).as_py() or 0):
        listed = set(files["source_file"].to_pylist())
        present: set[str] = set()
        for batch in plays.to_pyarrow_dataset().to_batches(columns=["source_file"]):
            present.update(pc.unique(batch["source_file"]).to_pylist())
        if orphans := present - listed:
            _replace_rows(lake, "raw_plays", "source_file", orphans, [])


def _groups(files: list[HistoryFile]) -> Iterator[list[HistoryFile]]:
    """Split files into groups of one commit each; a large file is a group of its own."""
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
    group: list[HistoryFile],
    listed: set[str],
    unread: dict[str, str],
    landing: LandingZone,
    lake: Lake,
    settings: Settings,
    orders: DateOrders,
    progress: ReadProgress,
) -> list[SourceRead]:
    """Read files, commit their records to `raw_plays`, and then add the files to `raw_files`.

    A file that can't be read now, for a reason outside of it, is added to `unread` with the reason. It is not listed,
    so the next run reads it again; of a changed file, the lake keeps what it has until then.
    """
    reads: list[SourceRead] = []
    digests: dict[str, str] = {}
    collected: list[pa.Table] = []
    for file, opener in landing.fetch(group):
        of_file: list[SourceRead] = []
        tables: list[pa.Table] = []
        try:
            opener = _opened_once(file, opener)
            digests[file.path] = file_sha256(opener)
            with sources_of(file, opener, settings) as parts:
                for read, source in parts:
                    if file.size > STREAMED_BYTES and source.open:
                        _unlist(lake, {file.path} & listed)
                        _stream(read, source, lake, settings, orders)
                    else:
                        tables += all_records(read, source, settings, orders)
                    of_file.append(read)
        except FileNotFoundError:
            continue  # deleted after it was listed; the next run handles it
        except (OSError, MemoryError, OutsideStorageError) as error:
            reason = (getattr(error, "strerror", None) or str(error) or "not enough memory").lower()
            if is_passing(error):
                unread[file.path] = reason
                progress(f"{file.path} can't be read now: {reason}")
                continue
            digests.setdefault(file.path, "")
            read, tables = unreadable_file(file, reason)
            of_file = [read]
        date_exports(of_file)
        reads += of_file
        collected += tables
        if len(group) <= NAMED_FILES:
            progress(f"{file.path}: {sum(read.records for read in of_file):,} records")
    _unlist(lake, {read.file.path for read in reads} & listed)
    if collected:
        _replace_rows(lake, "raw_plays", "source_file", {read.source for read in reads}, collected)
    loaded_at = datetime.now(UTC)
    by_file: dict[str, list[SourceRead]] = {}
    for read in reads:
        by_file.setdefault(read.file.path, []).append(read)
    versions = {
        path: with_end(
            reader_version(path, [(read.status, read.detail) for read in of_file], settings, orders),
            (read.valid_from for read in of_file),
        )
        for path, of_file in by_file.items()
    }
    rows = [file_row(read, digests[read.file.path], loaded_at, versions[read.file.path]) for read in reads]
    _replace_rows(
        lake,
        "raw_files",
        "landed_file",
        {read.file.path for read in reads},
        [pa.Table.from_pylist(rows, TABLES["raw_files"].arrow_schema)] if rows else [],
    )
    if len(group) > NAMED_FILES:
        first, last = group[0].path, group[-1].path
        progress(f"{len(group):,} files, {first} to {last}: {sum(read.records for read in reads):,} records")
    return reads


def _opened_once(file: HistoryFile, opener: Opener) -> Opener:
    """An opener of a small file's content as it is now, of a large one its own: files are opened three times."""
    if file.size > HELD_BYTES:
        return opener
    with opener() as stream:
        content = stream.read(HELD_BYTES + 1)
    return partial(BytesIO, content) if len(content) <= HELD_BYTES else opener


def _stream(read: SourceRead, source: Source, lake: Lake, settings: Settings, orders: DateOrders) -> None:
    """Commit the records of a large source while they are read, in one commit.

    Where reading fails at any record, only those of `failure_records` are committed.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for table in records(read, source, settings, orders):
            yield from table.to_batches()

    try:
        _replace_rows(lake, "raw_plays", "source_file", {read.source}, batches)
    except (NoHistoryError, UnreadableError) as error:
        if tables := failure_records(read, error):
            _replace_rows(lake, "raw_plays", "source_file", {read.source}, tables)


def _update_touched(lake: Lake, touched: list[HistoryFile]) -> None:
    """Store the new time of modification of files whose content didn't change."""
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
    """Replace the rows whose column has one of the values, in one commit."""
    literals = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
    if not literals:
        return

    def from_tables() -> Iterator[pa.RecordBatch]:
        return (batch for part in rows for batch in part.to_batches())  # type: ignore[union-attr]  # a list

    lake.replace(
        table,
        from_tables if isinstance(rows, list) else rows,
        predicate=f"{column} IN ({literals})",
        metadata=partial(_metadata, lake, table),
    )


def _metadata(lake: Lake, table: str, current: DeltaTable, *, is_whole: bool = False) -> str:
    """Metadata of a commit: of `raw_files`, which version of `raw_plays` it lists.

    The fingerprint stays None after another program has changed the table, until all of it is replaced.
    """
    before = window_states(current).get(WHOLE)
    fingerprint: str | None = None
    if is_whole or before is None or before.fingerprint is not None:
        plays = lake.ensure("raw_plays")
        fingerprint = "landed" if table == "raw_plays" else window_versions(plays)[WHOLE]
    return commit_metadata(current, uuid4().hex, {WHOLE: fingerprint}, None)
