"""A folder on this machine."""

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

from spotify_assets.storage.base import File, Opener, OutsideStorageError, StoredFile

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
READABLE_BY_ALL = 0o644


@dataclass(frozen=True)
class Folder:
    """Files below a folder. Links are listed as files; opening one that leads out of the folder is refused."""

    uri: str

    def files(self, folder: str = "") -> Iterator[StoredFile]:
        try:
            with os.scandir(Path(self.uri) / folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name + "/" * entry.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files(path)
                elif entry.is_file() or entry.is_symlink():
                    status = entry.stat()
                    yield StoredFile(path, status.st_size, EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000))
            except OSError:
                continue  # deleted since it was listed, or a broken link

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
        """See `Storage.upload`. The modification time is kept: plays after it are rejected."""
        if source.resolve() == (Path(self.uri) / path).resolve():
            return
        with self._partial(path) as partial:
            shutil.copyfile(source, partial)
            shutil.copystat(source, partial)
            partial.chmod(READABLE_BY_ALL)

    @contextmanager
    def _partial(self, path: str) -> Iterator[Path]:
        """Context that gives a temporary path, renamed to `path` on success and deleted on failure."""
        target = Path(self.uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
        try:
            yield partial
            os.replace(partial, target)
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

    def remove_old_versions(self) -> int:
        return 0
