"""What can be done with files, wherever they are."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar


class StorageError(Exception):
    """Files can't be reached; the message says which and what to do. Never because of what is in them."""


class OutsideStorageError(Exception):
    """A path leads out of the storage."""


@dataclass(frozen=True)
class StoredFile:
    """A file: its path below the storage, size (bytes), time of last modification (UTC), and S3's tag of its content.

    The tag is empty on disk, whose times tell apart what is written within one second.
    """

    path: str
    size: int
    modified_at: datetime
    etag: str = ""


File = TypeVar("File", bound=StoredFile)
Opener = Callable[[], BinaryIO]


class Storage(Protocol):
    """Files by their path below a place, with slashes between its parts."""

    @property
    def uri(self) -> str:
        """A folder's path, or `s3://bucket/prefix`."""

    def files(self, folder: str = "") -> Iterator[StoredFile]:
        """Every file below a folder, in order of path; none where the folder is missing."""

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        """Each file, and how to open it, as often as need be until the next is asked for.

        Opening raises FileNotFoundError where it was deleted since, PermissionError or another OSError where it alone
        can't be read, and StorageError where nothing can.
        """

    def open(self, path: str) -> BinaryIO:
        """The file, for reading; it can seek. Raises what `fetch` says."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole: nobody sees half of it."""

    def upload(self, source: Path, path: str) -> None:
        """Copy a file of this machine, whole."""

    def lines(self, path: str) -> AbstractContextManager[Callable[[str], None]]:
        """Add lines to a file as they come, so that a process that is killed leaves whole lines.

        The path may get a number before its suffix where a file can't be added to.
        """

    def remove(self, paths: Iterable[str]) -> int:
        """Remove files, with all their versions, and folders that they leave empty; tell how many there were."""

    def remove_old_versions(self) -> int:
        """Remove what was overwritten or deleted and is still kept; tell how much."""


def is_text(name: str) -> bool:
    """Whether a name can be written down: file systems allow any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
