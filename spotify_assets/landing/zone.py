"""The landing zone: lists and opens landed files, and writes new ones. Landed files are never changed."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from spotify_assets.storage import Storage, StoredFile, is_text, storage_at
from spotify_assets.storage.base import File, Opener
from spotify_assets.windows import TimeWindow, day_window

HISTORY = "history"
PLAYLISTS = "playlists"
CATALOG = "catalog"
# Of files below `playlists` that are read as CSV, and as catalogue files as well: those of Exportify.
CSV_SUFFIXES = (".csv", ".tsv", ".zip", ".gz", ".tgz", ".tar")
# Names of files that are still being copied, by `spotify-assets import` and most other programs.
PARTIAL_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".download")
# Names of files of recent plays, by `ingest.fetch.poll_recent_plays`.
POLLED = re.compile(r"history/[^/]+/recent/\d{4}-\d{2}/\d{8}T\d{9}Z\.json")
# Why a path is never read, and what to do.
NO_TEXT = "its path is no valid UTF-8; rename it"
NO_LISTENER = "it lies in no listener's folder; move it to history/NAME/"
NO_DAY = "it lies in no day's folder; move it to playlists/YYYY-MM-DD/"


@dataclass(frozen=True)
class _Landed(StoredFile):
    @property
    def landed_at(self) -> datetime:
        """Time of last modification (UTC)."""
        return self.modified_at

    @classmethod
    def from_stored(cls, file: StoredFile, **more: Any) -> Self:
        """A landed file from a stored file's attributes and further ones."""
        return cls(**{field.name: getattr(file, field.name) for field in fields(StoredFile)}, **more)


@dataclass(frozen=True)
class HistoryFile(_Landed):
    """A landed file of listening history."""

    @property
    def listener(self) -> str:
        """The listener: name of the folder below `history`."""
        return self.path.split("/")[1]

    @property
    def is_complete(self) -> bool:
        """Whether the name is one of a poll of recent plays: such a file is renamed when it is complete."""
        return bool(POLLED.fullmatch(self.path))


@dataclass(frozen=True)
class Capture(_Landed):
    """A landed file of Web API responses; `day` (UTC) is set for captures of playlists."""

    day: date | None = None

    @property
    def window(self) -> TimeWindow | None:
        """The window of `day`; None without a day."""
        return None if self.day is None else day_window(self.day)


@dataclass(frozen=True)
class LandingZone:
    """A folder, or prefix of an S3 bucket, that users put files into.

    All methods raise StorageError where the folder or bucket can't be reached.
    """

    uri: str

    @property
    def storage(self) -> Storage:
        """The storage of `uri`."""
        return storage_at(self.uri)

    def history_files(self, strays: dict[str, str] | None = None) -> Iterator[HistoryFile]:
        """Files of all listeners, sorted by path, without those that are still being copied.

        Paths below `history` that are never read are added to `strays`, with the reason; see there.
        """
        for file in self._files(HISTORY, {} if strays is None else strays):
            yield HistoryFile.from_stored(file)

    def captures(self, folder: str) -> Iterator[Capture]:
        """Landed responses below a folder, sorted by path, without those that are still being copied.

        Below `playlists`, only files in folders named by a day (YYYY-MM-DD); others are `strays`. CSV files and
        archives there are among those of `catalog` instead, in whatever folder they lie.
        """
        for file in self._files(folder, {}):
            if _is_in_hidden_folder(file.path):
                continue
            if folder.partition("/")[0] != PLAYLISTS:
                yield Capture.from_stored(file)
            elif (day := capture_day(file.path)) and not _is_csv(file.path):
                yield Capture.from_stored(file, day=day)
        if folder == CATALOG:
            for file in self._files(PLAYLISTS, {}):
                if _is_csv(file.path) and not _is_in_hidden_folder(file.path):
                    yield Capture.from_stored(file)

    def captures_on(self, day: date) -> list[Capture]:
        """Captures of playlists on a day."""
        return list(self.captures(f"{PLAYLISTS}/{day:%Y-%m-%d}"))

    def _files(self, folder: str, strays: dict[str, str]) -> Iterator[StoredFile]:
        """Files below a folder that may be read, without partial ones; others are added to `strays`."""
        for file in self.storage.files(folder):
            path = file.path
            if path.lower().endswith(PARTIAL_SUFFIXES):
                continue
            if is_text(path) and (is_history(path) or not folder.startswith(HISTORY)):
                yield file
            elif not _is_hidden(path):
                shown = path.encode("utf-8", "replace").decode()
                strays[shown] = NO_LISTENER if is_text(path) else NO_TEXT

    def strays(self) -> dict[str, str]:
        """Paths that are never read, sorted, with the reason.

        These are files directly in `history`, without a listener's folder; files or folders in `playlists` that are
        not a day's; and names that are not valid UTF-8. Hidden and partial files are left out.
        """
        strays: dict[str, str] = {}
        for folder in (HISTORY, PLAYLISTS, "metadata", CATALOG):
            for file in self._files(folder, strays):
                is_read = capture_day(file.path) or _is_csv(file.path) or _is_hidden(file.path)
                if folder == PLAYLISTS and not is_read:
                    strays["/".join(file.path.split("/")[:2])] = NO_DAY
        return dict(sorted(strays.items()))

    def land(self, path: str, content: bytes) -> None:
        """Write a file atomically."""
        self.storage.write(path, content)

    def lines(self, path: str) -> AbstractContextManager[Callable[[str], None]]:
        """Context that gives a function to append lines to a file; see `Storage.lines`."""
        return self.storage.lines(path)

    def copy_in(self, source: Path, path: str) -> None:
        """Copy a file of this machine atomically. A file at the path is replaced."""
        self.storage.upload(source, path)

    def copy_in_new(self, source: Path, path: str) -> None:
        """Copy a file of this machine atomically; FileExistsError where the path is taken."""
        self.storage.create(source, path)

    def remove(self, paths: Iterable[str]) -> int:
        """Remove landed files, with all their versions in a versioned bucket; return their number."""
        return self.storage.remove(paths)

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        """Each file with a function that opens it, valid until the next iteration; see `Storage.fetch`."""
        return self.storage.fetch(files)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            OutsideStorageError: The path leads out of the landing zone through a link.
        """
        return self.storage.open(path)


def is_history(path: str) -> bool:
    """Whether a path below the landing zone is in a listener's folder below `history`."""
    folder, *below = path.split("/")
    return folder == HISTORY and len(below) > 1 and bool(below[0])


def _is_csv(path: str) -> bool:
    """Whether a path below `playlists` is that of a CSV file, or of an archive that may hold some."""
    return path.lower().endswith(CSV_SUFFIXES)


def _is_in_hidden_folder(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_hidden(path: str) -> bool:
    return path.rpartition("/")[2].startswith(".")


def capture_day(path: str) -> date | None:
    """The day of a capture's path, `playlists/<YYYY-MM-DD>/...`; None for other paths."""
    parts = path.split("/")
    return _parse_day(parts[1]) if len(parts) > 2 else None


def file_sha256(opener: Opener) -> str:
    """SHA-256 of a file's content, in hexadecimal. Raises what the opener raises."""
    with opener() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO has no readinto


def _parse_day(name: str) -> date | None:
    """The date in a folder name of the form YYYY-MM-DD, else None."""
    try:
        return datetime.strptime(name, "%Y-%m-%d").date() if len(name) == len("YYYY-MM-DD") else None
    except ValueError:
        return None
