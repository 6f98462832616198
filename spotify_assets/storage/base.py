"""The storage protocol: file operations that a folder and a bucket both support."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar


class StorageError(Exception):
    """A storage can't be reached or refuses an operation. The message states which one, and what to do."""


class OutsideStorageError(Exception):
    """A path leads out of the storage through a link."""


@dataclass(frozen=True)
class StoredFile:
    """A file: path below the storage, size (bytes), time of last modification (UTC), and S3's ETag.

    The ETag is empty in a folder: modification times of S3 have a resolution of a second, those of disks are finer.
    """

    path: str
    size: int
    modified_at: datetime
    etag: str = ""


File = TypeVar("File", bound=StoredFile)
Opener = Callable[[], BinaryIO]


class Storage(Protocol):
    """Files by their path below `uri`, with slashes as separators.

    All methods raise StorageError where the folder or bucket can't be reached.
    """

    @property
    def uri(self) -> str:
        """A folder's path, or `s3://bucket/prefix`."""

    def is_there(self) -> bool:
        """Whether the folder exists. Of a bucket, the methods that list it raise StorageError where it doesn't."""

    def files(self, folder: str = "") -> Iterator[StoredFile]:
        """All files below a folder, recursively, sorted by path; none if the folder is missing."""

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        """Each file with a function that opens it. The function may be called several times, until the next iteration.

        It raises FileNotFoundError if the file was deleted meanwhile, PermissionError or another OSError if only this
        file can't be read, and StorageError if no file can.
        """

    def open(self, path: str) -> BinaryIO:
        """Open a file as a seekable stream. Raises the same errors as the functions of `fetch`."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file atomically: readers see all of it or nothing."""

    def upload(self, source: Path, path: str) -> None:
        """Copy a file of this machine atomically. A file at the path is replaced."""

    def create(self, source: Path, path: str) -> None:
        """Copy a file of this machine atomically, also if another process creates the same path at the same time.

        Raises:
            FileExistsError: There is something at the path already; it stays as it is.
        """

    def lines(self, path: str) -> AbstractContextManager[Callable[[str], None]]:
        """Context that gives a function to append lines to a file. A process that is killed leaves complete lines.

        A storage that can't append writes several files instead, with a number before the suffix.
        """

    def remove(self, paths: Iterable[str]) -> int:
        """Remove files, all their versions, and folders that become empty; return the number of files."""

    def remove_empty_folders(self, prefix: str) -> bool:
        """Remove a folder and those below it, as far as they hold no file; whether there was any. None in a bucket."""

    def remove_old_versions(self) -> int:
        """Remove versions of overwritten or deleted files that a versioned bucket keeps; return their number."""


def is_text(name: str) -> bool:
    """Whether a name is valid Unicode: file systems allow any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
