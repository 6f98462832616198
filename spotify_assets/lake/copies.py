"""Copies of a lake's data files on this machine, for as long as a process runs.

An engine and DuckDB read a file in S3 by several requests, one after another, and a sync reads most files many times:
a first sync of ten years made 57,000 requests for 2,400 files. Data files of Delta tables never change. So each is
downloaded once, by one request, several at once: with 20 ms a request, 726 files take 1.6 s. Through the file system
of `deltalake`, which serves one thread at a time, they take 17 s.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from urllib.parse import unquote
from weakref import finalize

from deltalake import DeltaTable

from spotify_assets.processes import is_alive, this_process
from spotify_assets.storage import Bucket, StoredFile, is_s3, private_folder

# Of a larger table, the few columns or months of a query are less than its files: about that of three million plays.
LARGEST_TABLE_BYTES = 256 << 20
# Copies leave so many times their size free on the disk.
FREE_FACTOR = 4
DOWNLOADS_AT_ONCE = 16
PREFIX = "copies-"
OWNER = "owner"
_making = Lock()
_copies: "dict[str, LocalCopies]" = {}


class LocalCopies:
    """Copies of data files below one S3 prefix, by their paths below it; see `copies_of`."""

    def __init__(self, uri: str) -> None:
        self._bucket = Bucket(uri)
        self._lock = Lock()
        self._files: dict[str, Future[None]] = {}
        self._tables: dict[Path, Future[None]] = {}
        self._pool = ThreadPoolExecutor(DOWNLOADS_AT_ONCE, "download")
        remove_abandoned()
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=private_folder()))
        (self._folder / OWNER).write_text(this_process())
        finalize(self, _remove_own, self._folder, os.getpid())

    def files(self, sizes: Mapping[str, int]) -> list[str] | None:
        """Local paths of files, whose last parts are the same as in the lake; None where copies would be too large.

        Args:
            sizes: Size of each file (bytes), by path relative to the lake.

        Raises:
            FileNotFoundError: There is no such file.
            StorageError: The lake can't be reached.
        """
        with self._lock:
            missing = sum(size for path, size in sizes.items() if path not in self._files)
        is_large = sum(sizes.values()) > LARGEST_TABLE_BYTES
        if is_large or missing * FREE_FACTOR > shutil.disk_usage(self._folder).free:
            return None
        self._download(self._files, {path: self._folder / "files" / path for path in sizes}, sizes)
        return [str(self._folder / "files" / path) for path in sizes]

    def table(self, folder: str, delta: DeltaTable) -> str | None:
        """Folder of a copy of a Delta table in the version in which it was opened; None where it isn't copied.

        Not copied are large tables, empty ones, and those with features beyond reader version 1.

        Args:
            folder: Folder of the table, relative to the lake.
            delta: The table.

        Raises:
            FileNotFoundError: A file of the table is missing.
            StorageError: The lake can't be reached.
        """
        # Another thread may bring `delta` to a later version meanwhile.
        version = -1
        while version != delta.version():
            version, sizes = delta.version(), live_files(folder, delta)
        if not sizes or self.files(sizes) is None:
            return None
        copy = self._folder / "tables" / folder / f"{str(delta.metadata().id)[:8]}-{version}"
        with self._lock:
            is_first = copy not in self._tables
            made = self._tables.setdefault(copy, Future())
        if is_first:
            try:
                self._make_table(folder, version, copy, sizes)
                made.set_result(None)
            except BaseException as error:
                del self._tables[copy]
                made.set_exception(error)
        made.result()
        return str(copy)

    def _make_table(self, folder: str, version: int, copy: Path, sizes: Mapping[str, int]) -> None:
        """Link the table's data files below `copy`, and download the log that leads to its version."""
        for path in sizes:
            link = copy / path.removeprefix(f"{folder}/")
            link.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(self._folder / "files" / path, link)
        entries = log_files(self._bucket.files(f"{folder}/_delta_log"), version)
        targets = {entry.path: copy / entry.path.removeprefix(f"{folder}/") for entry in entries}
        self._download({}, targets, {entry.path: entry.size for entry in entries})

    def _download(
        self, downloads: "dict[str, Future[None]]", targets: Mapping[str, Path], sizes: Mapping[str, int]
    ) -> None:
        """Download those files that no other thread has downloaded, and wait for all."""
        with self._lock:
            for path in targets:
                known = downloads.get(path)
                if known is None or (known.done() and known.exception()):
                    downloads[path] = self._pool.submit(self._bucket.download, path, targets[path], sizes[path])
            waited = [downloads[path] for path in targets]
        for download in waited:
            download.result()


def live_files(folder: str, delta: DeltaTable) -> dict[str, int]:
    """Size of each data file of a table (bytes), by path relative to the lake; none where readers need more than them.

    Features beyond reader version 1, such as deletion vectors, change what a file's rows are. Paths in the log are
    URL-encoded; those of files elsewhere have a scheme.
    """
    if delta.protocol().min_reader_version != 1:
        return {}
    actions = delta.get_add_actions()
    encoded = actions["path"].to_pylist()
    if any("://" in path for path in encoded):
        return {}
    sizes = actions["size_bytes"].to_pylist()
    return {f"{folder}/{unquote(path)}": size for path, size in zip(encoded, sizes, strict=True)}


def log_files(listed: Iterable[StoredFile], version: int) -> list[StoredFile]:
    """Of a listed log: the entries up to a version, from the last checkpoint on."""
    entries: dict[int, list[StoredFile]] = {}
    checkpoints: dict[int, list[StoredFile]] = {}
    for file in listed:
        name = file.path.rpartition("/")[2]
        at, _, rest = name.partition(".")
        if at.isdigit() and int(at) <= version:
            if rest == "json":
                entries.setdefault(int(at), []).append(file)
            elif rest.startswith("checkpoint."):
                checkpoints.setdefault(int(at), []).append(file)
    last = max(checkpoints, default=-1)
    later = [file for at, files in entries.items() if at >= last for file in files]
    return [*checkpoints.get(last, ()), *later]


def copies_of(uri: str) -> LocalCopies | None:
    """The copies of this process of a lake's files; None of a lake on disk."""
    if not is_s3(uri):
        return None
    with _making:
        if uri not in _copies:
            _copies[uri] = LocalCopies(uri)
        return _copies[uri]


def _remove_own(folder: Path, owner: int) -> None:
    """Remove a folder at the end of the process that made it, not of one that was forked from it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove copies of processes that were killed."""
    for folder in private_folder().glob(f"{PREFIX}*"):
        with suppress(OSError):
            if is_alive((folder / OWNER).read_text(), folder.stat().st_mtime) is False:
                shutil.rmtree(folder, ignore_errors=True)
