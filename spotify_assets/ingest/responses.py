"""Landed responses of the Web API into the tables that mirror them. Needs no API: the landing zone is the source."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, repeat
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

import pyarrow as pa

from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import Capture, LandingZone
from spotify_assets.model import TABLES
from spotify_assets.readers import should_hold_data
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.metadata import read_metadata, singular
from spotify_assets.readers.playlists import captured_at, item_fields, read_playlist
from spotify_assets.readers.responses import Fields
from spotify_assets.refresh import staleness
from spotify_assets.settings import Settings
from spotify_assets.spotify.reads import Kind
from spotify_assets.storage import OutsideStorageError, StorageError
from spotify_assets.storage.base import Opener
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

OF_THE_FILE = ("snapshot_date", "playlist_id", "playlist_name", "source_file", "month")
KINDS: tuple[Kind, ...] = ("tracks", "albums", "artists")
MEGABYTE = 1_000_000
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Mirrored:
    """What a run wrote: rows by table and day; and what could not be read, by file."""

    rows_by_day: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def mirror_playlists(landing: LandingZone, lake: Lake, settings: Settings, keys: Sequence[str]) -> Mirrored:
    """Write the days' snapshots into `raw_playlists` and `raw_playlist_files`, each in one commit.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Where snapshots start.
        keys: Partition keys: days that follow each other.
    """
    window_of = windows_of(TABLES["raw_playlists"], settings)
    span = span_of(keys, window_of)
    expectation = staleness.Expectation(lake, settings)
    fingerprints = {
        table: expectation.fingerprints(table, [window_of[key] for key in keys])
        for table in ("raw_playlists", "raw_playlist_files")
    }
    within = [
        capture
        for capture in expectation.captures("playlists")
        if capture.window and span.start <= capture.window.start < span.end
    ]
    mirrored = Mirrored()
    files, items = _snapshots(landing, within, settings, mirrored)
    for table, rows in (("raw_playlists", items), ("raw_playlist_files", files)):
        _write(lake, table, rows, fingerprints[table], span)
        mirrored.rows_by_day[table] = Counter(
            {str(day): count for day, count in zip(*_counted(rows["snapshot_date"]), strict=True)}
        )
    return mirrored


def _counted(values: pa.ChunkedArray) -> tuple[list[Any], list[int]]:
    counted = values.value_counts()
    return counted.field("values").to_pylist(), counted.field("counts").to_pylist()


def _snapshots(
    landing: LandingZone, captures: Iterable[Capture], settings: Settings, mirrored: Mirrored
) -> tuple[pa.Table, pa.Table]:
    """Rows of `raw_playlist_files` and of `raw_playlists`."""
    rows, items = _Columns("raw_playlist_files"), _Columns("raw_playlists")
    for _, of_day in groupby(landing.fetch(captures), key=lambda fetched: fetched[0].day):
        files = [file for capture, opener in of_day if (file := _file(capture, opener, settings))]
        latest: dict[str, _File] = {}
        for file in sorted(files, key=lambda file: file.order):
            if file.row["status"] == "read":
                if file.playlist_id in latest:
                    latest[file.playlist_id].row |= {"status": "replaced", "items": 0}
                latest[file.playlist_id] = file
            elif file.row["status"] == "unreadable":
                mirrored.unreadable[file.row["source_file"]] = file.row["detail"]
        for file in latest.values():
            items.extend(file.items, {name: file.row.get(name) for name in OF_THE_FILE})
        rows.extend([file.row for file in files])
    return rows.table(), items.table()


@dataclass
class _File:
    """A landed file: its row in the register, and the items in it, in the columns of `raw_playlists`."""

    row: Fields
    items: list[Fields] = field(default_factory=list)

    @property
    def playlist_id(self) -> str:
        """Spotify's id, or what the file's name says."""
        return self.row["playlist_id"]

    @property
    def order(self) -> tuple[datetime, str]:
        """The later capture comes last; of those that don't tell when, by name."""
        return self.row["captured_at"] or LONG_AGO, self.row["source_file"]


def _file(capture: Capture, opener: Opener, settings: Settings) -> _File | None:
    """What a landed file holds; None where it was deleted since it was listed."""
    assert capture.day is not None
    name = PurePosixPath(capture.path).name
    row: Fields = {
        "source_file": capture.path,
        "snapshot_date": capture.day,
        "month": capture.day.replace(day=1),
        "playlist_id": name.partition(".")[0],
        "captured_at": captured_at(name, capture.day),
        "status": "read",
        "items": 0,
        "size": capture.size,
        "landed_at": capture.landed_at,
    }
    try:
        with opener() as stream:
            playlist = read_playlist(stream, settings.max_json_mb * MEGABYTE)
        items = [item_fields(item) for item in playlist.items]
    except FileNotFoundError:
        return None
    except StorageError:
        raise
    except NoHistoryError as error:
        return _File(row | {"status": "ignored", "detail": str(error)})
    except Exception as error:
        # Whatever a hostile file makes a parser raise: that file is unreadable, and the rest goes on.
        status = "unreadable" if should_hold_data(name) else "ignored"
        return _File(row | {"status": status, "detail": _reason(error)})
    row |= playlist.attributes
    row |= {
        "playlist_id": playlist.playlist_id or row["playlist_id"],
        "captured_at": playlist.captured_at or row["captured_at"],
        "items": len(items),
    }
    return _File(row, items)


def _reason(error: Exception) -> str:
    """Why a file can't be read; nothing of what is in it, or of where the landing zone is."""
    if isinstance(error, UnreadableError | OutsideStorageError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"its reading failed ({type(error).__name__})"


def mirror_metadata(landing: LandingZone, lake: Lake, settings: Settings, kind: str) -> Mirrored:
    """Write the latest response for each id into the kind's table, in one commit."""
    table = table_of(kind)
    expectation = staleness.Expectation(lake, settings)
    fingerprints = expectation.fingerprints(table, [])
    mirrored = Mirrored()
    responses = latest_responses(landing, expectation.captures(f"metadata/{kind}"), settings, kind, mirrored)
    columns = _Columns(table)
    columns.extend([responses[key] for key in sorted(responses)])
    _write(lake, table, columns.table(), fingerprints, None)
    return mirrored


def _write(lake: Lake, table: str, rows: pa.Table, fingerprints: dict[str, str], span: TimeWindow | None) -> None:
    """Replace the span's rows, or all, in a commit that tells what they were made from."""
    token = uuid4().hex
    lake.replace(
        table,
        lambda: iter(rows.to_batches()),
        predicate=window_predicate(TABLES[table], span) if span else None,
        metadata=lambda current: commits.commit_metadata(current, token, fingerprints, span),
    )


def table_of(kind: str) -> str:
    """The table that mirrors `landing/metadata/<kind>`."""
    return f"{singular(kind)}_metadata"


def latest_responses(
    landing: LandingZone, captures: Iterable[Capture], settings: Settings, kind: str, mirrored: Mirrored
) -> dict[str, Fields]:
    """The latest response for each id; one that tells of it before one that says it is unknown."""
    latest: dict[str, Fields] = {}
    key = f"{singular(kind)}_id"

    def order(fields: Fields) -> tuple[bool, datetime]:
        return fields["is_found"], fields["fetched_at"] or LONG_AGO

    for capture, opener in landing.fetch(captures):
        broken = 0
        try:
            with opener() as stream:
                for fields in read_metadata(stream, capture.path, kind, settings.max_json_mb * MEGABYTE):
                    if fields is None:
                        broken += 1
                    elif fields[key] not in latest or order(fields) >= order(latest[fields[key]]):
                        latest[fields[key]] = fields
        except FileNotFoundError:
            continue
        except StorageError:
            raise
        except Exception as error:
            # Whatever a hostile file makes a parser raise: that file is unreadable, and the rest goes on.
            if should_hold_data(capture.path):
                mirrored.unreadable[capture.path] = _reason(error)
        if broken:
            mirrored.unreadable[capture.path] = f"{broken:,} of its responses tell of nothing; the others are read"
    return latest


class _Columns:
    """Rows of a table, gathered by column."""

    def __init__(self, table: str) -> None:
        self._schema = TABLES[table].arrow_schema
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def extend(self, rows: Sequence[Fields], shared: Fields | None = None) -> None:
        """Add rows; `shared` are columns that are the same for all, and `position` is counted from 0."""
        for name, values in self._columns.items():
            if shared is not None and name in shared:
                values.extend(repeat(shared[name], len(rows)))
            elif name == "position":
                values.extend(range(len(rows)))
            else:
                values.extend([row.get(name) for row in rows])

    def table(self) -> pa.Table:
        arrays = [pa.array(values, self._schema.field(name).type) for name, values in self._columns.items()]
        return pa.Table.from_arrays(arrays, schema=self._schema)
