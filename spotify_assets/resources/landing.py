"""The landing zone: what people drop in, listed and opened, never changed."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import dagster as dg

from spotify_assets.partitions import Window

HISTORY = "history"
PLAYLISTS = "playlists"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Being copied: `spotify-assets import` and most programs write under such a name first.
PARTIAL_SUFFIXES = (".part", ".partial", ".tmp", ".crdownload", ".download")
DIGEST_BLOCK = 1 << 20


class OutsideLandingError(Exception):
    """A path leads out of the landing zone."""


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing zone: its path below it, size (bytes) and time of last modification (UTC)."""

    path: str
    size: int
    landed_at: datetime

    @property
    def listener(self) -> str:
        """Whose history it is: the folder below `history`."""
        return self.path.split("/")[1]


@dataclass(frozen=True)
class Capture:
    """Responses of the Web API as landed: the file's path below the landing zone, size (bytes) and time of last
    modification (UTC); and the day that it was captured, for playlists.
    """

    path: str
    size: int
    landed_at: datetime
    day: date | None = None

    @property
    def window(self) -> Window | None:
        """The day as a window of time."""
        if self.day is None:
            return None
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return Window(start, start + timedelta(days=1))


class LandingResource(dg.ConfigurableResource):
    """Folder that files are dropped into."""

    uri: str

    def history_files(self) -> Iterator[LandedFile]:
        """Every file of every listener, in order of path; half-copied files are left out."""
        root = Path(self.uri)
        for path in sorted((root / HISTORY).glob("*/**/*")):
            if path.name.lower().endswith(PARTIAL_SUFFIXES) or not _is_text(str(path)):
                continue
            try:
                if not path.is_file() and not path.is_symlink():
                    continue
                status = path.stat()
            except OSError:
                continue  # deleted since it was listed, or a link to nowhere
            yield LandedFile(path.relative_to(root).as_posix(), status.st_size, _modified_at(status))

    def captures(self, folder: str) -> Iterator[Capture]:
        """Landed responses below a folder of the landing zone, in order of path; half-copied files are left out.

        Below `playlists`, those in folders named by a day (YYYY-MM-DD); others are strays.
        """
        if folder != PLAYLISTS:
            yield from self._captures(folder, None)
            return
        for name in self._folders(PLAYLISTS):
            if day := day_of(name):
                yield from self._captures(f"{PLAYLISTS}/{name}", day)

    def captures_of(self, day: date) -> list[Capture]:
        """Playlists captured on a day."""
        return list(self._captures(f"{PLAYLISTS}/{day:%Y-%m-%d}", day))

    def _folders(self, folder: str) -> list[str]:
        try:
            with os.scandir(Path(self.uri) / folder) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except FileNotFoundError:
            return []

    def _captures(self, folder: str, day: date | None) -> Iterator[Capture]:
        try:
            with os.scandir(Path(self.uri) / folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(PARTIAL_SUFFIXES) or not _is_text(entry.name):
                continue
            try:
                if entry.is_dir():
                    yield from self._captures(f"{folder}/{entry.name}", day)
                elif entry.is_file():
                    status = entry.stat()
                    yield Capture(f"{folder}/{entry.name}", status.st_size, _modified_at(status), day)
            except OSError:
                continue  # deleted since it was listed, or a link to nowhere

    def strays(self) -> list[str]:
        """What nobody reads: files in `history` itself, that are no listener's, what is no day in `playlists`, and
        whatever has a name that is no UTF-8.
        """
        root = Path(self.uri)
        files = [path for path in (root / HISTORY).glob("*") if path.is_file()]
        no_day = [path for path in (root / PLAYLISTS).glob("*") if not (path.is_dir() and day_of(path.name))]
        odd = [path for path in root.glob("*/**/*") if not _is_text(path.name)]
        strays = {path for path in (*files, *no_day, *odd) if not path.name.startswith(".")}
        return sorted(path.relative_to(root).as_posix().encode("utf-8", "replace").decode() for path in strays)

    def land(self, path: str, content: bytes) -> None:
        """Write a file whole: under another name, and then renamed."""
        target = Path(self.uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
        try:
            partial.write_bytes(content)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def append(self, path: str, line: str) -> None:
        """Add a line to a file in one write, so that a process that is killed leaves whole lines."""
        target = Path(self.uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab", buffering=0) as stream:
            stream.write(line.encode("utf-8", "replace"))

    def open(self, path: str) -> BinaryIO:
        """The file, for reading.

        Raises:
            OutsideLandingError: where a link in it leads out of the landing zone.
        """
        root = Path(self.uri).resolve()
        target = (root / path).resolve()
        if not target.is_relative_to(root):
            raise OutsideLandingError("it is a link that leads out of the landing zone; copy the file itself")
        return target.open("rb")

    def sha256(self, path: str) -> str:
        """SHA-256 of the file's content, in hexadecimal."""
        digest = hashlib.sha256()
        with self.open(path) as stream:
            while block := stream.read(DIGEST_BLOCK):
                digest.update(block)
        return digest.hexdigest()


def day_of(name: str) -> date | None:
    """The day that a folder is named by; None where it is named otherwise."""
    try:
        return datetime.strptime(name, "%Y-%m-%d").date() if len(name) == len("YYYY-MM-DD") else None
    except ValueError:
        return None


def _is_text(name: str) -> bool:
    """Whether a name can be written down: file systems allow any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _modified_at(status: os.stat_result) -> datetime:
    return EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
