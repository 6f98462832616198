"""Rows of `raw_plays` and `raw_files`, from landed files of listening history.

Only this module and `readers` determine these rows: the source of these modules is part of the tables' code version.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.ingest.export_dates import date_together
from spotify_assets.ingest.placement import placed_times
from spotify_assets.landing.overrides import DateOrders
from spotify_assets.landing.zone import HistoryFile
from spotify_assets.model import TABLES
from spotify_assets.model.raw import EXPORT_FORMATS, PLAYLISTS
from spotify_assets.readers.account_data import find_account_data
from spotify_assets.readers.clock import CLOCK_SKEW, believe
from spotify_assets.readers.errors import NoHistoryError, UnreadableError, is_passing
from spotify_assets.readers.history import read_history
from spotify_assets.readers.sources import Opener, Source, sources
from spotify_assets.settings import Settings
from spotify_assets.windows import floor_to_grain

MEGABYTE = 1_000_000
Interval = tuple[datetime, datetime]


@dataclass
class SourceRead:
    """Figures of a source (a landed file or a member of an archive), complete once all its records are read.

    Attributes:
        file: The landed file.
        source: Path of the source, as in `raw_plays.source_file`.
        source_format: Format of its content; None where it isn't known.
        status: `read`, `ignored` (no listening history) or `unreadable`.
        detail: Why it is ignored or unreadable; of a file that is read, what its dates depend on besides.
        records: Number of records.
        undated: Number of records without a valid time.
        has_seconds: Whether any time has seconds other than 0.
        reported: Earliest and latest valid `reported_at` (UTC); None where it has none.
        played: Earliest and latest `played_at` (UTC) of the records with a valid `reported_at`.
        corrected: Number of these whose `played_at` is before `reported_at`.
        corrected_until: Latest `reported_at` (UTC) of those; None where there is none.
        exported_at: Of playlists or a library, when they were exported (UTC); see `exported_at`.
        valid_from: When the earliest record, or date of an export, that lies beyond this machine's clock can become
            valid (UTC), and the file has to be read again; None where there is none.
    """

    file: HistoryFile
    source: str
    source_format: str | None = None
    status: str = "read"
    detail: str | None = None
    records: int = 0
    undated: int = 0
    has_seconds: bool = False
    reported: Interval | None = None
    played: Interval | None = None
    corrected: int = 0
    corrected_until: datetime | None = None
    exported_at: datetime | None = None
    valid_from: datetime | None = None


def latest_valid(landed_at: datetime, settings: Settings, now: datetime) -> datetime:
    """Latest valid time of a file's records: one day after the file was modified.

    For a file dated before the start of plays (reproducible archives are dated 1980) it is `now`.
    """
    if landed_at < settings.plays_start:
        return now
    return min(landed_at, now) + CLOCK_SKEW


@contextmanager
def sources_of(file: HistoryFile, opener: Opener, settings: Settings) -> Iterator[Iterator[tuple[SourceRead, Source]]]:
    """The sources of a landed file; they can be read while the context is open."""
    with sources(file.path, opener, settings.max_unzipped_mb * MEGABYTE) as parts:
        yield ((SourceRead(file, source.name), source) for source in parts)


def unreadable_file(file: HistoryFile, reason: str) -> tuple[SourceRead, list[pa.Table]]:
    """Figures of a landed file that can't be opened, and its one record, which holds the reason."""
    read = SourceRead(file, file.path)
    return read, failure_records(read, UnreadableError(reason))


def all_records(read: SourceRead, source: Source, settings: Settings, orders: DateOrders) -> list[pa.Table]:
    """All records of a small source; where reading fails at any record, only those of `failure_records`."""
    try:
        return list(records(read, source, settings, orders))
    except (NoHistoryError, UnreadableError) as error:
        return failure_records(read, error)


def failure_records(read: SourceRead, error: NoHistoryError | UnreadableError) -> list[pa.Table]:
    """Records of a source that can't be read: one that holds the reason, or none where it holds no history."""
    if isinstance(error, NoHistoryError):
        read.status, read.detail = "ignored", str(error)
        return []
    return [_unreadable_record(read, str(error))]


def records(read: SourceRead, source: Source, settings: Settings, orders: DateOrders) -> Iterator[pa.Table]:
    """The records of a source in the shape of `raw_plays`, noting in `read` what passes.

    Raises:
        NoHistoryError: where it holds no listening history.
        UnreadableError: where it can't be read, whatever its content made a parser do.
        OSError, MemoryError: where it can't be read now, for a reason outside of it.
    """
    if source.error:
        raise source.error
    assert source.open is not None
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    now = datetime.now(UTC)
    bound = latest_valid(read.file.landed_at, settings, now)
    # As `latest_valid` measures it.
    lead = timedelta() if read.file.landed_at < settings.plays_start else CLOCK_SKEW
    # The same figures for a file whose date is not believed.
    by_now = SourceRead(read.file, read.source)
    read.records = 0
    try:
        with source.open() as stream:
            try:
                history = read_history(
                    stream, source.name, settings.max_json_mb * MEGABYTE, orders.of(source.name), orders.default
                )
            except NoHistoryError:
                if _is_account_data(read, source, stream, settings, now):
                    return
                raise
            read.source_format = history.source_format
            for table in history.tables:
                if not len(table):
                    continue
                offline_at, played_at = placed_times(table, read.source_format, start)
                table = table.append_column("offline_at", offline_at).append_column("played_at", played_at)
                _update_intervals(read, table, start, bound)
                _update_intervals(by_now, table, start, now + CLOCK_SKEW)
                _update_valid_from(read, table, now, lead)
                yield _raw_plays_table(read, table)
            read.detail = history.detail
            if 2 * (read.undated - by_now.undated) > read.records - by_now.undated:
                # Most of its records contradict the file's date: it was set by a program, or by a wrong clock.
                read.undated, read.reported, read.played = by_now.undated, by_now.reported, by_now.played
                read.corrected, read.corrected_until = by_now.corrected, by_now.corrected_until
    except (NoHistoryError, UnreadableError, FileNotFoundError):
        raise
    except Exception as error:
        if is_passing(error):
            raise
        # A malformed file may make a parser raise anything; skip that file only.
        raise UnreadableError(f"its reading failed ({type(error).__name__})") from error


def _is_account_data(read: SourceRead, source: Source, stream: BinaryIO, settings: Settings, now: datetime) -> bool:
    """Whether a source without history holds playlists or a library, which is noted then.

    Raises:
        NoHistoryError: It does, and there is nothing in it.
    """
    until = now + CLOCK_SKEW
    found = find_account_data(stream, settings.max_json_mb * MEGABYTE, until)
    if found is None:
        return False
    if found.is_empty:
        raise NoHistoryError(f"account data: {'no playlist' if found.kind == PLAYLISTS else 'an empty library'}")
    read.source_format = found.kind
    landed_at = read.file.landed_at if source.name == read.file.path else None
    noted = min(landed_at, now) if landed_at else source.modified_at
    is_plausible = noted is not None and noted >= settings.plays_start
    dates = believe([noted if is_plausible else None, found.dates.latest, found.dates.beyond], until)
    read.exported_at = dates.latest
    ends = [dates.beyond - CLOCK_SKEW if dates.beyond else None, landed_at if landed_at and landed_at > now else None]
    read.valid_from = min((end for end in ends if end), default=None)
    return True


def date_exports(reads: list[SourceRead]) -> None:
    """Give all playlists and libraries of a landed file one time; see `date_together`.

    They tell the time that the archive has of them (the file's, outside of archives), and the dates in the playlists.
    """
    date_together([read for read in reads if read.source_format in EXPORT_FORMATS])


def _update_intervals(read: SourceRead, table: pa.Table, start: datetime, bound: datetime) -> None:
    """Add some records to the intervals of valid times and to the number of records without one."""
    reported_at = table["reported_at"]
    valid = table.select(["reported_at", "played_at"]).filter(
        pc.and_(pc.greater_equal(reported_at, start), pc.less_equal(reported_at, bound))
    )
    read.undated += len(table) - len(valid)
    read.has_seconds |= bool(pc.any(table["has_seconds"]).as_py())
    if len(valid):
        read.reported = _widened(read.reported, valid["reported_at"])
        read.played = _widened(read.played, valid["played_at"])
    corrected = valid["reported_at"].filter(pc.less(valid["played_at"], valid["reported_at"]))
    if len(corrected):
        read.corrected += len(corrected)
        latest = pc.max(corrected).as_py()
        read.corrected_until = max(latest, read.corrected_until or latest)


def _widened(interval: Interval | None, times: pa.ChunkedArray) -> Interval:
    """The interval that includes these times, too."""
    first, last = pc.min_max(times).as_py().values()
    return (min(first, interval[0]), max(last, interval[1])) if interval else (first, last)


def _update_valid_from(read: SourceRead, table: pa.Table, now: datetime, lead: timedelta) -> None:
    """Note the first time after `now + lead`, less `lead`."""
    reported_at = table["reported_at"]
    beyond = pc.min(pc.filter(reported_at, pc.greater(reported_at, now + lead))).as_py()
    if beyond is not None:
        read.valid_from = min(beyond - lead, read.valid_from or beyond)


def _raw_plays_table(read: SourceRead, table: pa.Table) -> pa.Table:
    """The records in the schema of `raw_plays`."""
    rows = len(table)
    first_row = read.records
    read.records += rows
    constant = {
        "listener": read.file.listener,
        "source_file": read.source,
        "source_format": read.source_format,
        "landed_at": read.file.landed_at,
    }
    schema = TABLES["raw_plays"].arrow_schema
    columns = [
        pa.repeat(pa.scalar(constant[name], schema.field(name).type), rows)
        if name in constant
        else pa.array(np.arange(first_row, first_row + rows))
        if name == "source_row"
        else table[name]
        for name in schema.names
    ]
    return pa.table(columns, names=schema.names).cast(schema)


def _unreadable_record(read: SourceRead, detail: str) -> pa.Table:
    """The record of a file that can't be read; it holds the reason."""
    read.status, read.detail, read.source_format = "unreadable", detail, None
    read.records = read.undated = 1
    read.reported = read.played = read.corrected_until = None
    read.corrected = 0
    row = {
        "listener": read.file.listener,
        "source_file": read.source,
        "source_row": -1,
        "landed_at": read.file.landed_at,
        "raw_record": f"file, {read.file.size:,} bytes: {detail}",
    }
    return pa.Table.from_pylist([row], TABLES["raw_plays"].arrow_schema)


def file_row(read: SourceRead, sha256: str, loaded_at: datetime, version: str) -> dict[str, Any]:
    """A row of `raw_files`."""
    nothing = (None, None)
    reported, played = (read.reported, read.played) if read.status == "read" else (None, None)
    return {
        "listener": read.file.listener,
        "source_file": read.source,
        "landed_file": read.file.path,
        "sha256": sha256,
        "size": read.file.size,
        "etag": read.file.etag or None,
        "source_format": read.source_format if read.status == "read" else None,
        "status": read.status,
        "detail": read.detail,
        "records": read.records if read.status != "ignored" else 0,
        "undated_records": read.undated if read.status != "ignored" else 0,
        "is_minute_precise": read.status == "read" and read.exported_at is None and not read.has_seconds,
        **dict(zip(("first_reported_at", "last_reported_at"), reported or nothing, strict=True)),
        **dict(zip(("first_played_at", "last_played_at"), played or nothing, strict=True)),
        "corrected_records": read.corrected if read.status == "read" else 0,
        "last_corrected_reported_at": read.corrected_until if read.status == "read" else None,
        "exported_at": read.exported_at,
        "landed_at": read.file.landed_at,
        "loaded_at": loaded_at,
        "reader_version": version,
    }
