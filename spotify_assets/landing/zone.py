"""The landing zone: what people drop in, listed and opened, never changed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

from spotify_assets.storage import Storage, StoredFile, is_text, storage
from spotify_assets.storage.base import File, Opener
from spotify_assets.windows import TimeWindow

HISTORY = "history"
PLAYLISTS = "playlists"
# Being copied: `spotify-assets import` and most programs write under such a name first.
PARTIAL_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".download")


@dataclass(frozen=True)
class _Landed(StoredFile):
    @property
    def landed_at(self) -> datetime:
        """Time of last modification (UTC)."""
        return self.modified_at

    @classmethod
    def of(cls, file: StoredFile, **more: Any) -> Self:
        """The file, as what it is to the landing zone."""
        return cls(**{field.name: getattr(file, field.name) for field in fields(StoredFile)}, **more)


@dataclass(frozen=True)
class LandedFile(_Landed):
    """A file of listening history in the landing zone."""

    @property
    def listener(self) -> str:
        """Whose history it is: the folder below `history`."""
        return self.path.split("/")[1]


@dataclass(frozen=True)
class Capture(_Landed):
    """Responses of the Web API as landed; and the day that they were captured, for playlists."""

    day: date | None = None

    @property
    def window(self) -> TimeWindow | None:
        """The day as a window of time."""
        if self.day is None:
            return None
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return TimeWindow(start, start + timedelta(days=1))


@dataclass(frozen=True)
class LandingZone:
    """Folder, or prefix of an S3 bucket, that files are dropped into."""

    uri: str

    @property
    def storage(self) -> Storage:
        """Where the files are."""
        return storage(self.uri)

    def history_files(self) -> Iterator[LandedFile]:
        """Every file of every listener, in order of path; half-copied files are left out."""
        for file in self._files(HISTORY):
            if is_history(file.path):
                yield LandedFile.of(file)

    def captures(self, folder: str) -> Iterator[Capture]:
        """Landed responses below a folder of the landing zone, in order of path; half-copied files are left out.

        Below `playlists`, those in folders named by a day (YYYY-MM-DD); others are strays.
        """
        for file in self._files(folder):
            if any(part.startswith(".") for part in file.path.split("/")):
                continue
            if folder.partition("/")[0] != PLAYLISTS:
                yield Capture.of(file)
            elif day := playlists_day(file.path):
                yield Capture.of(file, day=day)

    def captures_of(self, day: date) -> list[Capture]:
        """Playlists captured on a day."""
        return list(self.captures(f"{PLAYLISTS}/{day:%Y-%m-%d}"))

    def _files(self, folder: str) -> Iterator[StoredFile]:
        """Files below a folder; those that are being copied, or whose name can't be written down, are left out."""
        for file in self.storage.files(folder):
            if not file.path.lower().endswith(PARTIAL_SUFFIXES) and is_text(file.path):
                yield file

    def strays(self) -> list[str]:
        """What nobody reads: files in `history` itself, that are no listener's, what is in no day's folder in
        `playlists`, and whatever has a name that is no UTF-8.
        """
        strays = set()
        for folder in (HISTORY, PLAYLISTS, "metadata", "catalog"):
            for file in self.storage.files(folder):
                if not is_text(file.path) or (folder == HISTORY and not is_history(file.path)):
                    strays.add(file.path)
                elif folder == PLAYLISTS and not playlists_day(file.path):
                    strays.add("/".join(file.path.split("/")[:2]))
        shown = (path for path in strays if not path.rpartition("/")[2].startswith("."))
        return sorted(path.encode("utf-8", "replace").decode() for path in shown)

    def land(self, path: str, content: bytes) -> None:
        """Write a file whole."""
        self.storage.write(path, content)

    def lines(self, path: str) -> AbstractContextManager[Callable[[str], None]]:
        """Add lines to a file as they come, so that a process that is killed leaves whole lines."""
        return self.storage.lines(path)

    def copy_in(self, source: Path, path: str) -> None:
        """Copy a file of this machine, whole."""
        self.storage.upload(source, path)

    def remove(self, paths: Iterable[str]) -> int:
        """Remove landed files, with all their versions; tell how many there were."""
        return self.storage.remove(paths)

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        """Each file, and how to open it until the next is asked for; see `Storage.fetch`."""
        return self.storage.fetch(files)

    def open(self, path: str) -> BinaryIO:
        """The file, for reading.

        Raises:
            OutsideStorageError: where a link in it leads out of the landing zone.
        """
        return self.storage.open(path)


def is_history(path: str) -> bool:
    """Whether a path below the landing zone is of a file of some listener."""
    folder, *below = path.split("/")
    return folder == HISTORY and len(below) > 1 and bool(below[0])


def playlists_day(path: str) -> date | None:
    """The day in whose folder a capture of playlists lies; None where it lies elsewhere."""
    parts = path.split("/")
    return day_of(parts[1]) if len(parts) > 2 else None


def sha256(opener: Opener) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with opener() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO has no readinto


def day_of(name: str) -> date | None:
    """The day that a folder is named by; None where it is named otherwise."""
    try:
        return datetime.strptime(name, "%Y-%m-%d").date() if len(name) == len("YYYY-MM-DD") else None
    except ValueError:
        return None
