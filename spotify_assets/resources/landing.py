"""The landing zone: what people drop in, listed and opened, never changed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import dagster as dg

HISTORY = "history"
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


class LandingResource(dg.ConfigurableResource):
    """Folder that files are dropped into."""

    uri: str

    def history_files(self) -> Iterator[LandedFile]:
        """Every file of every listener, in order of path; half-copied files are left out."""
        root = Path(self.uri)
        for path in sorted((root / HISTORY).glob("*/**/*")):
            if path.name.lower().endswith(PARTIAL_SUFFIXES):
                continue
            try:
                if not path.is_file() and not path.is_symlink():
                    continue
                status = path.stat()
            except OSError:
                continue  # deleted since it was listed, or a link to nowhere
            landed_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=status.st_mtime_ns // 1000)
            yield LandedFile(path.relative_to(root).as_posix(), status.st_size, landed_at)

    def strays(self) -> list[str]:
        """Files that lie in `history` itself, and so are no listener's: nobody reads them."""
        folder = Path(self.uri) / HISTORY
        return sorted(path.name for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))

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
