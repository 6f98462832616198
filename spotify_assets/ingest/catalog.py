"""Incremental ingest of landed catalogue files: files that are new, changed or deleted.

Rows of all files that are read are first written to files of this machine's own, and then committed, one commit a
table: a large file passes in bounded memory, and is parsed once for all tables that it feeds. `raw_catalog_files` says
what the other tables hold. A file is taken off it before its rows are replaced, and listed after they are committed:
after an interruption at any point, the next run reads it again.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable

from spotify_assets.ingest.catalog_register import CATALOG_FILES
from spotify_assets.ingest.catalog_rows import (
    NAME_PREFIX,
    CatalogRead,
    catalog_file_row,
    catalog_sources,
    date_catalog_exports,
    read_catalog_source,
)
from spotify_assets.ingest.columns import failure_reason
from spotify_assets.lake.commits import WHOLE, commit_metadata, window_states
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import CATALOG, Capture, LandingZone, file_sha256
from spotify_assets.model import TABLES
from spotify_assets.model.raw import CATALOG_COLUMNS
from spotify_assets.readers.sources import Source
from spotify_assets.refresh import lineage, staleness
from spotify_assets.refresh.clock import was_read_by_another_clock, with_end, without_end
from spotify_assets.settings import Settings
from spotify_assets.storage import OutsideStorageError

CATALOG_TABLES = (CATALOG_FILES, *CATALOG_COLUMNS)
# The fingerprint of a register whose files are being read: no input has it.
READING = "reading"
NOTED_ROWS = 200_000


@dataclass
class CatalogResult:
    """Result of a run.

    Attributes:
        files: Number of files that were read; others didn't change.
        deleted: Number of files whose rows were removed.
        records: Number of rows in the files that were read.
        unused: Why files, or members of archives, are not used, by path: of all that are landed.
    """

    files: int = 0
    deleted: int = 0
    records: int = 0
    unused: dict[str, str] = field(default_factory=dict)


@dataclass
class _Spool:
    """Rows of the files of a run, in Parquet files below a folder of this machine."""

    folder: Path
    parts: dict[str, list[Path]] = field(default_factory=dict)

    def read(self, file: Capture, source: Source, note: Callable[[str], None]) -> CatalogRead:
        """Read a source, and keep its rows unless it turns out to be unreadable; notes how far it is."""
        written: dict[str, Path] = {}
        done: Counter[str] = Counter()
        with ExitStack() as stack:
            writers: dict[str, pq.ParquetWriter] = {}

            def write(table: str, rows: pa.Table) -> None:
                if table not in writers:
                    written[table] = self.folder / f"{uuid4().hex}.parquet"
                    writer = pq.ParquetWriter(written[table], TABLES[table].arrow_schema, compression="zstd")
                    writers[table] = stack.enter_context(writer)
                writers[table].write_table(rows)
                before = done[table]
                done[table] += len(rows)
                if table == next(iter(written)) and done[table] // NOTED_ROWS > before // NOTED_ROWS:
                    note(f"{source.name}: {done[table]:,} rows so far")

            read = read_catalog_source(file, source, write)
        for table, path in written.items():
            if read.status == "read":
                self.parts.setdefault(table, []).append(path)
            else:
                path.unlink()
        return read

    def batches(self, table: str) -> Iterator[pa.RecordBatch]:
        """All rows of a table."""
        for path in self.parts.get(table, ()):
            yield from pq.ParquetFile(path).iter_batches()


def mirror_catalog(
    landing: LandingZone, lake: Lake, settings: Settings, note: Callable[[str], None] = lambda line: None
) -> CatalogResult:
    """Bring the catalogue's raw tables up to date with `landing/catalog`; only files that changed are read.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Largest size of an unpacked archive.
        note: Told of each file that was read, and of each `NOTED_ROWS` rows of a large one.

    Raises:
        StorageError: The landing zone can't be reached, or a file can't be read now, for a reason outside of it.
    """
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = {table: current.fingerprints(TABLES[table], []) for table in CATALOG_TABLES}
    captures = current.captures(CATALOG)
    is_whole = _is_whole(lake)
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in lake.rows(CATALOG_FILES) if is_whole else ():
        listed.setdefault(row["landed_file"], []).append(row)
    unchanged, to_read = _compare(captures, listed, landing, settings)
    gone = [row for path, rows in listed.items() if path not in unchanged for row in rows]
    result = CatalogResult(deleted=len(listed.keys() - {file.path for file in captures}))
    commit = partial(_commit, lake, fingerprints)
    if gone:
        of_gone = _is_one_of("landed_file", {row["landed_file"] for row in gone})
        _commit(lake, {CATALOG_FILES: {WHOLE: READING}}, CATALOG_FILES, lambda: iter(()), of_gone)
    with tempfile.TemporaryDirectory() as folder:
        spool = _Spool(Path(folder))
        rows = _read_files(to_read, spool, landing, settings, note, result)
        replaced = {row["source_file"] for row in [*gone, *rows]}
        for table in CATALOG_COLUMNS:
            if not is_whole:
                commit(table, partial(spool.batches, table), None)
            elif replaced:
                commit(table, partial(spool.batches, table), _is_one_of("source_file", replaced))
            else:
                commit(table, None, None)
    kept = [row for of_file in unchanged.values() for row in of_file]
    register = pa.Table.from_pylist([*kept, *rows], TABLES[CATALOG_FILES].arrow_schema)
    commit(CATALOG_FILES, lambda: iter(register.to_batches()), None)
    result.unused = {row["source_file"]: row["detail"] or "" for row in [*kept, *rows] if row["status"] != "read"}
    return result


def feeds(row: Mapping[str, Any], table: str) -> bool:
    """Whether a file has rows in a raw table, by its row of the register."""
    return row["status"] == "read" and table.removeprefix(NAME_PREFIX) in row["feeds"]


def _is_whole(lake: Lake) -> bool:
    """Whether all tables are as this module left them; not where one is new, or another program changed one."""
    states = [window_states(lake.open(table)).get(WHOLE) for table in CATALOG_TABLES]
    return all(state is not None and state.fingerprint is not None for state in states)


def _compare(
    captures: Iterable[Capture],
    listed: Mapping[str, list[dict[str, Any]]],
    landing: LandingZone,
    settings: Settings,
) -> tuple[dict[str, list[dict[str, Any]]], list[Capture]]:
    """Rows of the register of files that didn't change, with their times as they are now; and files to be read."""
    unchanged: dict[str, list[dict[str, Any]]] = {}
    to_read = []
    now = datetime.now(UTC)
    for file in captures:
        rows = listed.get(file.path)
        is_current = (
            rows
            and rows[0]["size"] == file.size
            and without_end(rows[0]["reader_version"]) == _version(rows, settings)
            and not was_read_by_another_clock(rows, now)
        )
        if rows and is_current:
            same = rows[0]["landed_at"] == file.landed_at and rows[0]["etag"] == (file.etag or None)
            # Of a playlist without times, that of its file counts, as far as the clock was.
            is_dated_by_file = any(
                row["exported_at"] and (row["exported_at"] == row["landed_at"] or row["landed_at"] > row["loaded_at"])
                for row in rows
            )
            if same or (not is_dated_by_file and _content_sha256(landing, file) == rows[0]["sha256"]):
                unchanged[file.path] = [row | {"landed_at": file.landed_at, "etag": file.etag or None} for row in rows]
                continue
        to_read.append(file)
    return unchanged, to_read


def _content_sha256(landing: LandingZone, file: Capture) -> str | None:
    try:
        return file_sha256(partial(landing.open, file.path))
    except (OSError, OutsideStorageError):
        return None


def _version(rows: Iterable[Mapping[str, Any]], settings: Settings) -> str:
    """Version of everything but a file's content that determines its rows; with the limit, if that may be why not."""
    code = "\n".join(lineage.code_version(table) for table in CATALOG_TABLES)
    is_unreadable = any(row["status"] == "unreadable" for row in rows)
    limit = f" up to {settings.max_unzipped_mb} MB" if is_unreadable else ""
    return hashlib.sha256(code.encode()).hexdigest()[:12] + limit


def _read_files(
    files: list[Capture],
    spool: _Spool,
    landing: LandingZone,
    settings: Settings,
    note: Callable[[str], None],
    result: CatalogResult,
) -> list[dict[str, Any]]:
    """Rows of the register for these files; their own rows go to the spool."""
    rows: list[dict[str, Any]] = []
    for file, opener in landing.fetch(files):
        sha256 = ""
        try:
            sha256 = file_sha256(opener)
            with catalog_sources(file, opener, settings) as parts:
                reads = [spool.read(file, source, note) for source in parts]
        except FileNotFoundError:
            continue  # deleted after it was listed; the next run handles it
        except (OSError, MemoryError, OutsideStorageError) as error:
            reads = [CatalogRead(file, file.path, "unreadable", failure_reason(error, file.path))]
        date_catalog_exports(reads)
        loaded_at = datetime.now(UTC)
        version = with_end(
            _version([{"status": read.status} for read in reads], settings), (read.valid_from for read in reads)
        )
        rows += [catalog_file_row(read, sha256, loaded_at, version) for read in reads]
        result.files += 1
        result.records += sum(read.records for read in reads)
        note(f"{file.path}: {sum(read.records for read in reads):,} rows")
    return rows


def _is_one_of(column: str, values: Collection[str]) -> str:
    """SQL condition."""
    literals = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
    return f"{column} IN ({literals})"


def _commit(
    lake: Lake,
    fingerprints: Mapping[str, Mapping[str, str]],
    table: str,
    rows: Callable[[], Iterator[pa.RecordBatch]] | None,
    predicate: str | None,
) -> None:
    """Replace rows in one commit that records the fingerprint of the table's inputs; None for rows that stay."""
    token = uuid4().hex

    def metadata(current: DeltaTable) -> str:
        return commit_metadata(current, token, fingerprints[table], None)

    if rows is not None:
        lake.replace(table, rows, predicate=predicate, metadata=metadata)
        return
    properties = CommitProperties(custom_metadata={"userMetadata": metadata(lake.ensure(table))})
    lake.write(table, TABLES[table].arrow_schema.empty_table(), mode="append", commit_properties=properties)
