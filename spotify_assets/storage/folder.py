"""A folder on this machine."""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from spotify_assets.storage.base import File, Opener, OutsideStorageError, StorageError, StoredFile

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Folder:
    """Files below a folder. Links are listed as files; opening one that leads out of the folder is refused."""

    uri: str

    def is_there(self) -> bool:
        return Path(self.uri).is_dir()

    def files(self, folder: str = "") -> Iterator[StoredFile]:
        try:
            with os.scandir(os.path.join(self.uri, folder)) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name + "/" * entry.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _not_listed(error) from None
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files(path)
                elif entry.is_file() or entry.is_symlink():
                    status = entry.stat()
                    yield StoredFile(path, status.st_size, EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise _not_listed(error) from None
                # It was deleted since it was listed, or is a link that leads nowhere.

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        for file in files:
            yield file, partial(self.open, file.path)

    def open(self, path: str) -> BinaryIO:
        root = Path(self.uri).resolve()
        target = (root / path).resolve()
        if not target.is_relative_to(root):
            raise OutsideStorageError("it is a link that leads out of the landing zone; copy the file itself")
        return target.open("rb")

    def write(self, path: str, content: bytes) -> None:
        with self._partial(path) as partial:
            partial.write_bytes(content)

    def upload(self, source: Path, path: str) -> None:
        if source.resolve() == (Path(self.uri) / path).resolve():
            return
        with self._partial(path) as partial:
            _copy_with_time(source, partial)

    def create(self, source: Path, path: str) -> None:
        with self._partial(path, _rename_to_new) as partial:
            _copy_with_time(source, partial)

    @contextmanager
    def _partial(self, path: str, rename: Callable[[Path, Path], None] = os.replace) -> Iterator[Path]:
        """Context that gives a temporary path, renamed to `path` on success and deleted on failure."""
        target = Path(self.uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{uuid4().hex}.part")
        try:
            yield partial
            rename(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def lines(self, path: str) -> Iterator[Callable[[str], None]]:
        target = Path(self.uri) / path

        def add(line: str) -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab", buffering=0) as stream:
                stream.write(line.encode("utf-8", "replace"))

        yield add

    def remove(self, paths: Iterable[str]) -> int:
        removed = 0
        folders: set[Path] = set()
        root = Path(self.uri)
        for path in paths:
            with suppress(FileNotFoundError):
                (root / path).unlink()
                removed += 1
            folders.update((root / path).relative_to(root).parents)
        for folder in sorted(folders - {Path()}, reverse=True):
            with suppress(OSError):  # it is not empty
                (root / folder).rmdir()
        return removed

    def remove_empty_folders(self, prefix: str) -> bool:
        removed = False
        for folder, _, _ in os.walk(Path(self.uri, prefix), topdown=False):
            with suppress(OSError):  # it is not empty
                Path(folder).rmdir()
                removed = True
        return removed

    def remove_old_versions(self) -> int:
        return 0


def _not_listed(error: OSError) -> StorageError:
    """What can't be listed isn't gone: taken for deleted, its plays would be dropped."""
    shown = os.fsencode(error.filename or "").decode("utf-8", "replace")
    return StorageError(f"{shown} can't be listed: {(error.strerror or str(error)).lower()}")


def _copy_with_time(source: Path, target: Path) -> None:
    """Copy a file and its time of modification, which bounds the times of its plays. The umask decides its mode."""
    shutil.copyfile(source, target)
    status = source.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _rename_to_new(partial: Path, target: Path) -> None:
    """Rename a file; FileExistsError where the target exists."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:  # exFAT and some network shares have no hard links
        target.open("xb").close()
        os.replace(partial, target)
