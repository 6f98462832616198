"""Copies of a lake's data files on this machine, for as long as a process runs.

An engine and DuckDB read a file in S3 by several requests, one after another, and a sync reads most files many times:
a first sync of ten years made 57,000 requests for 2,400 files. Data files of Delta tables never change. So each is
downloaded once, by one request, several at once: with 20 ms a request, 726 files take 1.6 s. Through the file system
of `deltalake`, which serves one thread at a time, they take 17 s.
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
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
# Copies are made where so many times their size is free on the disk: the run's other files need some, too.
FREE_FACTOR = 4
# A process on a machine of another name is not known to run. After so long without a new copy, it doesn't.
ABANDONED_SECONDS = 24 * 3600
DOWNLOADS_AT_ONCE = 16
PREFIX = "copies-"
OWNER = "owner"
REMOVED = "-removed"
_making = Lock()
_copies: "dict[str, LocalCopies]" = {}


class LocalCopies:
    """Copies of data files below one S3 prefix, by their paths below it; see `copies_of`."""

    def __init__(self, uri: str) -> None:
        self._bucket = Bucket(uri)
        self._lock = Lock()
        self._files: dict[str, Future[None]] = {}
        self._tables: dict[Path, Future[None]] = {}
        self._pending_bytes = 0
        self._pool = ThreadPoolExecutor(DOWNLOADS_AT_ONCE, "download")
        remove_abandoned()
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=private_folder()))
        (self._folder / OWNER).write_text(this_process())
        finalize(self, _remove_folder, self._folder, os.getpid())

    def files(self, sizes: Mapping[str, int]) -> list[str] | None:
        """Local paths of files, whose last parts are the same as in the lake; None where copies would be too large.

        Args:
            sizes: Size of each file (bytes), by path relative to the lake.

        Raises:
            FileNotFoundError: There is no such file.
            StorageError: The lake can't be reached.
        """
        missing = {path: size for path, size in sizes.items() if path not in self._files}
        wanted = sum(missing.values())
        with self._lock:
            is_free = (wanted + self._pending_bytes) * FREE_FACTOR <= shutil.disk_usage(self._folder).free
            if sum(sizes.values()) > LARGEST_TABLE_BYTES or not is_free:
                return None
            self._pending_bytes += wanted
        targets = {path: self._folder / "files" / path for path in sizes}
        try:
            self._download(self._files, targets, sizes)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return None
            raise
        finally:
            with self._lock:
                self._pending_bytes -= wanted
        return [str(target) for target in targets.values()]

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
                _link(self._folder / "files" / path, link)
        entries = log_files(self._bucket.files(f"{folder}/_delta_log"), version)
        if not entries:
            raise FileNotFoundError(f"{folder}: entries of the log before version {version} are gone")
        targets = {entry.path: copy / entry.path.removeprefix(f"{folder}/") for entry in entries}
        self._download({}, targets, {entry.path: entry.size for entry in entries})

    def _download(
        self, downloads: "dict[str, Future[None]]", targets: Mapping[str, Path], sizes: Mapping[str, int]
    ) -> None:
        """Download those files that no other thread has downloaded, and wait for all."""
        with self._lock:
            for path in targets:
                known = downloads.get(path)
                if known is None or known.cancelled() or (known.done() and known.exception()):
                    downloads[path] = self._pool.submit(self._bucket.download, path, targets[path], sizes[path])
            waited = [downloads[path] for path in targets]
        _wait_for_all(waited)

    def upload(self, sources: Mapping[str, Path]) -> None:
        """Upload files, several at once, and keep them as copies where `files` would download them.

        Args:
            sources: The files, by path relative to the lake. They are moved.

        Raises:
            StorageError: The lake can't be reached.
        """
        _wait_for_all([self._pool.submit(self._bucket.upload, source, path) for path, source in sources.items()])
        size = sum(source.stat().st_size for source in sources.values())
        with self._lock:
            is_free = (size + self._pending_bytes) * FREE_FACTOR <= shutil.disk_usage(self._folder).free
            if size > LARGEST_TABLE_BYTES or not is_free:
                return
            for path, source in sources.items():
                target = self._folder / "files" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
                made: Future[None] = Future()
                made.set_result(None)
                self._files[path] = made

    def close(self) -> None:
        """Remove the copies, and don't make those that are still waited for."""
        self._pool.shutdown(cancel_futures=True)
        _remove_folder(self._folder, os.getpid())


def _wait_for_all(transfers: "Sequence[Future[None]]") -> None:
    """Wait for transfers of files; if one fails, raise its error, and don't begin those that haven't begun."""
    try:
        for transfer in transfers:
            transfer.result()
    except BaseException:
        for transfer in transfers:
            transfer.cancel()
        raise


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
    """Of a listed log: the entries up to a version, from the last whole checkpoint on; none where one is missing."""
    entries: dict[int, StoredFile] = {}
    checkpoints: dict[int, list[StoredFile]] = {}
    for file in listed:
        name = file.path.rpartition("/")[2]
        at, _, rest = name.partition(".")
        if at.isdigit() and int(at) <= version:
            if rest == "json":
                entries[int(at)] = file
            elif rest.startswith("checkpoint."):
                checkpoints.setdefault(int(at), []).append(file)
    last = max((at for at, files in checkpoints.items() if _has_all_parts(files)), default=-1)
    needed = range(max(last + 1, 0), version + 1)
    if not all(at in entries for at in needed):
        return []
    at_checkpoint = [entries[last]] if last in entries else []
    return [*checkpoints.get(last, ()), *at_checkpoint, *[entries[at] for at in needed]]


def _has_all_parts(checkpoint: Sequence[StoredFile]) -> bool:
    """Whether all parts of a checkpoint are there: `<version>.checkpoint.<part>.<parts>.parquet`, or one file."""
    parts = [file.path.rpartition("/")[2].split(".")[2:-1] for file in checkpoint]
    return any(len(part) < 2 or int(part[1]) == len(checkpoint) for part in parts)


def copies_of(uri: str) -> LocalCopies | None:
    """The copies of this process of a lake's files; None of a lake on disk."""
    if not is_s3(uri):
        return None
    with _making:
        if uri not in _copies:
            _copies[uri] = LocalCopies(uri)
        return _copies[uri]


def remove_own() -> None:
    """Remove the copies of this process, as at the end of one that skips the interpreter's shutdown."""
    with _making:
        while _copies:
            _copies.popitem()[1].close()


def remove_abandoned(*, of_other_hosts: bool = False) -> None:
    """Remove copies of processes that were killed.

    Args:
        of_other_hosts: Also those of a machine of another name, as of a container before this one, however new.
    """
    remove_folders_of_the_dead(private_folder().glob(f"{PREFIX}*"), of_other_hosts=of_other_hosts)


def remove_folders_of_the_dead(folders: Iterable[Path], *, of_other_hosts: bool = False) -> None:
    """Remove those folders whose file `OWNER` names a process that was killed.

    Each is renamed first, so that whoever finds its `OWNER` there finds all of it.

    Args:
        folders: The folders.
        of_other_hosts: Also those of a machine of another name, however new.
    """
    for folder in folders:
        with suppress(OSError):
            made_at = folder.stat().st_mtime
            try:
                is_running = is_alive((folder / OWNER).read_text(), made_at)
            except FileNotFoundError:
                is_running = None  # it is being made, or was being removed
            if is_running is None:
                is_running = not of_other_hosts and time.time() - made_at < ABANDONED_SECONDS
            if not is_running:
                removed = folder.rename(folder.with_name(f"{folder.name}{REMOVED}"))
                shutil.rmtree(removed, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where the file system knows no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _remove_folder(folder: Path, owner: int) -> None:
    """Remove a folder at the end of the process that made it, not of one that was forked from it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
