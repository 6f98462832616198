"""Rows of `raw_playlist_files` and `raw_playlists`, from landed captures and exports of playlists.

Only this module, `columns` and `readers` determine these rows: the source of these modules is part of the tables' code
version.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder, Limits, failure_reason
from spotify_assets.landing.zone import Capture, capture_day
from spotify_assets.model.raw import EXPORTIFY, LIBRARY
from spotify_assets.readers.account_data import ExportedPlaylist, exported_playlists, find_account_data
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.exportify import exportify_items
from spotify_assets.readers.history import has_data_suffix
from spotify_assets.readers.playlists import item_fields, read_playlist, time_in_name
from spotify_assets.readers.responses import Fields, clean_text
from spotify_assets.readers.sources import sources
from spotify_assets.refresh.exports import ExportedFile
from spotify_assets.storage import StorageError
from spotify_assets.storage.base import Opener

FILE_COLUMNS = ("snapshot_date", "playlist_id", "playlist_name", "source_file", "month")
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
# What `import` adds to a name that is taken: `Playlist1-2.json`.
NUMBER_OF_IMPORT = re.compile(r"-(\d+)$")


@dataclass
class _File:
    """A landed file: its row of `raw_playlist_files`, and its items, in the columns of `raw_playlists`."""

    row: Fields
    items: list[Fields] = field(default_factory=list)
    begun_at: datetime = LONG_AGO

    @property
    def playlist_id(self) -> str:
        """Spotify's id; the stem of the file's name where the content has none."""
        return self.row["playlist_id"]

    @property
    def order(self) -> tuple[datetime, str]:
        """Sort key: time of capture, then path; files without a time of capture come first."""
        return self.row["captured_at"] or LONG_AGO, self.row["source_file"]


class SnapshotRows(NamedTuple):
    """A day's rows: `files` of `raw_playlist_files`, and `items` of `raw_playlists`."""

    files: pa.Table
    items: pa.Table


def snapshot_rows(
    captures: Iterable[tuple[Capture, Opener]],
    exports: Iterable[tuple[Sequence[ExportedFile], Opener]],
    limits: Limits,
) -> Iterator[SnapshotRows]:
    """Rows of each day that has captures, and then of each that has exports. A day is read when it is asked for.

    Args:
        captures: Landed captures with their openers, in order of their day.
        exports: What is used of each landed export, and its opener, in order of their day.
        limits: Sizes above which files are refused.

    Raises:
        StorageError: where the landing zone, or one of the files, can't be read now.
    """
    for _, of_day in groupby(captures, key=lambda landed: landed[0].day):
        yield _rows_of_day([file for landed in of_day if (file := _read_file(*landed, limits.json_bytes))])
    # Ids of exports are none of Spotify's, so that these replace no captures.
    for _, of_export_day in groupby(exports, key=lambda landed: landed[0][0].day):
        yield _rows_of_day(_identified([file for landed in of_export_day for file in _read_export(*landed, limits)]))


def _rows_of_day(files: list[_File]) -> SnapshotRows:
    """Rows of a day's files, with the items of each playlist's last capture only."""
    rows, items = ColumnBuilder("raw_playlist_files"), ColumnBuilder("raw_playlists")
    latest: dict[str, _File] = {}
    for file in sorted(files, key=lambda file: file.order):
        if file.row["status"] == "read":
            if file.playlist_id in latest:
                latest[file.playlist_id].row |= {"status": "replaced", "items": 0}
            latest[file.playlist_id] = file
    for file in latest.values():
        items.extend(file.items, {name: file.row.get(name) for name in FILE_COLUMNS})
    rows.extend([file.row for file in files])
    return SnapshotRows(rows.table(), items.table())


def _read_file(capture: Capture, opener: Opener, max_bytes: int) -> _File | None:
    """Read a landed file; None where it was deleted after it was listed."""
    assert capture.day is not None
    name = PurePosixPath(capture.path).name
    row: Fields = {
        "source_file": capture.path,
        "snapshot_date": capture.day,
        "month": capture.day.replace(day=1),
        "playlist_id": name.partition(".")[0],
        "kind": "playlist",
        "captured_at": time_in_name(name, capture.day),
        "status": "read",
        "items": 0,
        "size": capture.size,
        "landed_at": capture.landed_at,
    }
    try:
        with opener() as stream:
            playlist = read_playlist(stream, max_bytes)
        items = [item_fields(item) for item in playlist.items]
    except FileNotFoundError:
        return None
    except StorageError:
        raise
    except NoHistoryError as error:
        return _File(row | {"status": "ignored", "detail": str(error)})
    except Exception as error:
        # A malformed file may make a parser raise anything; skip that file only.
        status = "unreadable" if has_data_suffix(name) else "ignored"
        return _File(row | {"status": status, "detail": failure_reason(error, capture.path)})
    row |= playlist.attributes
    row |= {
        "playlist_id": playlist.playlist_id or row["playlist_id"],
        "captured_at": playlist.captured_at or row["captured_at"],
        "items": len(items),
    }
    return _File(row, items)


def _read_export(parts: Sequence[ExportedFile], opener: Opener, limits: Limits) -> list[_File]:
    """The playlists in a landed export; none where it was deleted after it was listed."""
    wanted = {part.source_file: part for part in parts}
    found: list[_File] = []
    try:
        with sources(parts[0].landed.path, opener, limits.unzipped_bytes) as members:
            for source in members:
                if (part := wanted.get(source.name)) and source.open:
                    found += _playlists_of(part, source.open, limits)
    except FileNotFoundError:
        return []
    return found


def _playlists_of(part: ExportedFile, opener: Opener, limits: Limits) -> list[_File]:
    row: Fields = {
        "source_file": part.source_file,
        "snapshot_date": part.day,
        "month": part.day.replace(day=1),
        "playlist_id": PurePosixPath(part.source_file).name.partition(".")[0],
        "kind": LIBRARY if part.kind == LIBRARY else "playlist",
        "listener": part.listener,
        "captured_at": part.exported_at,
        "status": "read",
        "items": 0,
        "size": part.landed.size,
        "landed_at": part.landed.modified_at,
    }
    try:
        with opener() as stream:
            playlists = _read_playlists(part, stream, limits)
    except FileNotFoundError:
        raise
    except Exception as error:
        # Files are changed while they are read; a malformed one may make a parser raise anything.
        detail = failure_reason(error, part.landed.path)
        return [_File(row | {"status": "unreadable", "detail": detail})]
    return [
        _File(
            row
            | {"playlist_name": playlist.name, **playlist.attributes, "items": len(playlist.items)}
            | ({"status": "unreadable", "detail": playlist.problem} if playlist.problem else {}),
            playlist.items,
            playlist.begun_at,
        )
        for playlist in playlists
    ]


def _read_playlists(part: ExportedFile, stream: BinaryIO, limits: Limits) -> list[ExportedPlaylist]:
    if part.kind == EXPORTIFY:
        return [ExportedPlaylist(clean_text(part.name), {}, exportify_items(stream))]
    data = find_account_data(stream, limits.json_bytes, part.exported_at)
    if data is None:
        raise UnreadableError("it has changed since it was listed; sync again")
    return exported_playlists(data)


def _owner_of(row: Fields) -> str:
    """What tells playlists of one name apart: the listener, or of Exportify's files the folder, but for days."""
    if row["listener"]:
        return f"{row['listener']}"
    landed, _, member = row["source_file"].partition("!")
    folders = landed.split("/")[2 if capture_day(landed) else 1 : -1]
    return "/".join(["", *folders, *member.split("/")[:-1]])


def _identified(files: list[_File]) -> list[_File]:
    """The playlists of a day's exports, with ids: hashes of the listener, the name, and a number among equal names.

    Equal names of an export are numbered in the order in which the playlists were begun, which stays when playlists
    are added or moved. An export may be in several files: `Playlist1.json`, `Playlist2.json`.
    """
    equal: dict[tuple[Any, ...], int] = {}
    for file in sorted(files, key=lambda file: (file.begun_at, file.row["source_file"])):
        row = file.row
        number = 1
        if row["listener"]:
            path = PurePosixPath(row["source_file"])
            copy = NUMBER_OF_IMPORT.search(path.stem)
            export = (str(path.parent), copy[1] if copy else "", row["kind"], row.get("playlist_name"))
            number = equal[export] = equal.get(export, 0) + 1
        name = "\x1f".join([_owner_of(row), row.get("playlist_name") or "", str(number)])
        prefix = "library" if row["kind"] == LIBRARY else "name"
        row["playlist_id"] = f"{prefix}:{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return files
