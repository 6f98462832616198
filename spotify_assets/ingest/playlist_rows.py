"""Rows of `raw_playlist_files` and `raw_playlists`, from landed captures of playlists.

Only this module, `columns` and `readers` determine these rows: the source of these modules is part of the tables' code
version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePosixPath

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder, failure_reason
from spotify_assets.landing.zone import Capture
from spotify_assets.readers import has_data_suffix
from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.playlists import item_fields, read_playlist, time_in_name
from spotify_assets.readers.responses import Fields
from spotify_assets.storage import StorageError
from spotify_assets.storage.base import Opener

FILE_COLUMNS = ("snapshot_date", "playlist_id", "playlist_name", "source_file", "month")
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def snapshot_rows(
    captures: Iterable[tuple[Capture, Opener]], max_bytes: int, unreadable: dict[str, str]
) -> tuple[pa.Table, pa.Table]:
    """Rows of `raw_playlist_files` (one a file) and of `raw_playlists` (one an item of a day's last capture).

    Args:
        captures: Landed files with their openers, in order of their day.
        max_bytes: Size above which a file is refused.
        unreadable: Output: reasons why files can't be read, by path.

    Raises:
        StorageError: where the landing zone, or one of the files, can't be read now.
    """
    rows, items = ColumnBuilder("raw_playlist_files"), ColumnBuilder("raw_playlists")
    for _, of_day in groupby(captures, key=lambda landed: landed[0].day):
        files = [file for capture, opener in of_day if (file := _read_file(capture, opener, max_bytes))]
        latest: dict[str, _File] = {}
        for file in sorted(files, key=lambda file: file.order):
            if file.row["status"] == "read":
                if file.playlist_id in latest:
                    latest[file.playlist_id].row |= {"status": "replaced", "items": 0}
                latest[file.playlist_id] = file
            elif file.row["status"] == "unreadable":
                unreadable[file.row["source_file"]] = file.row["detail"]
        for file in latest.values():
            items.extend(file.items, {name: file.row.get(name) for name in FILE_COLUMNS})
        rows.extend([file.row for file in files])
    return rows.table(), items.table()


@dataclass
class _File:
    """A landed file: its row of `raw_playlist_files`, and its items, in the columns of `raw_playlists`."""

    row: Fields
    items: list[Fields] = field(default_factory=list)

    @property
    def playlist_id(self) -> str:
        """Spotify's id; the stem of the file's name where the content has none."""
        return self.row["playlist_id"]

    @property
    def order(self) -> tuple[datetime, str]:
        """Sort key: time of capture, then path; files without a time of capture come first."""
        return self.row["captured_at"] or LONG_AGO, self.row["source_file"]


def _read_file(capture: Capture, opener: Opener, max_bytes: int) -> _File | None:
    """Read a landed file; None where it was deleted after it was listed."""
    assert capture.day is not None
    name = PurePosixPath(capture.path).name
    row: Fields = {
        "source_file": capture.path,
        "snapshot_date": capture.day,
        "month": capture.day.replace(day=1),
        "playlist_id": name.partition(".")[0],
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
