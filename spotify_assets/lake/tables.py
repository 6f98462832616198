"""The lake: locations, creation, reads and writes of its Delta tables, through `deltalake` (no engine)."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, QueryBuilder, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from spotify_assets.lake.commits import carry_forward
from spotify_assets.lake.copies import copies_of, remove_abandoned, remove_own
from spotify_assets.lake.damage import (
    OLDER_THAN_CACHED,
    DamagedTableError,
    find_damaged_file,
    find_unreadable_file,
    missing_entry,
    translate_log_errors,
)
from spotify_assets.lake.history import history
from spotify_assets.lake.staging import remove_uncommitted
from spotify_assets.model import TABLES
from spotify_assets.retry import COMMIT_CONFLICT, retry
from spotify_assets.storage import Bucket, engine_environment, is_s3, plain_path, storage_at, storage_options
from spotify_assets.storage.base import Opener

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset

# The log holds the input fingerprints of all windows; Delta's default retention of 30 days would drop those of a table
# that is seldom written.
TABLE_PROPERTIES = {"delta.logRetentionDuration": "interval 3650 days"}
# Files are two thirds of the size with it, and take no longer to write. For Sail's, see `data_files`.
COMPRESSED = WriterProperties(compression="ZSTD", compression_level=3)
# Delta's types, as its log has them, by Spark's.
DELTA_TYPES: dict[str, Any] = {
    "string": "string",
    "bigint": "long",
    "int": "integer",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "array<string>": {"type": "array", "elementType": "string", "containsNull": True},
}
# How old the opened version of a table may be where its latest one isn't needed. To look for a later one takes two to
# four requests in S3, and a run asks four hundred times.
RECENT_SECONDS = 30.0
# Of so few tables, each is listed by itself.
FEW_TABLES = 4
# Of a lake in S3; each waits for a request most of the time.
TABLES_AT_ONCE = 16

PerTable = TypeVar("PerTable")


class _OpenedTable(DeltaTable):
    """A Delta table as this project reads it by Arrow.

    Files on disk are read by Arrow's own file system. With deltalake's, which S3 still needs, Arrow's threads call
    Python for each file. If the interpreter ends meanwhile, the process aborts ("terminate called without an active
    exception"): 3 of 30 that had read a table did.

    Attributes:
        pruned_by: Columns by whose least and greatest values files are passed over. By those of all columns, as
            deltalake does it, a dataset of 240 files takes 0.7 s to make, and by those of two columns 0.05 s.
        known_commits: What `history` has read of the log of a table in S3, by version.
    """

    pruned_by: tuple[str, ...] = ()
    known_commits: dict[int, dict[str, Any] | None]

    def to_pyarrow_dataset(
        self,
        partitions: Any = None,
        filesystem: Any = None,
        parquet_read_options: Any = None,
        schema: "pa.Schema | None" = None,
        as_large_types: bool = False,
        file_pruning_predicate: Any = None,
    ) -> "pyarrow.dataset.Dataset":
        import pyarrow as pa
        import pyarrow.dataset
        from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

        uri = self.table_uri
        if filesystem is None and not is_s3(uri):
            filesystem = SubTreeFileSystem(unquote(uri.removeprefix("file://")), LocalFileSystem())
        whole = pa.schema(self.schema().to_arrow(as_large_types=as_large_types))
        known = pa.schema([whole.field(name) for name in self.pruned_by if name in whole.names])
        files = super().to_pyarrow_dataset(
            partitions, filesystem, parquet_read_options, known, file_pruning_predicate=file_pruning_predicate
        )
        fragments = list(files.get_fragments())
        return pyarrow.dataset.FileSystemDataset(fragments, schema or whole, files.format, files.filesystem)


@dataclass(frozen=True)
class Lake:
    """Delta tables below one folder, or one prefix of an S3 bucket: `<uri>/<layer>/<table>/`.

    Meant for the duration of a run or a command: opened tables are cached and updated incrementally. A cached table
    whose files another process deletes is not noticed.

    Attributes:
        uri: A folder's path, or `s3://bucket/prefix`.
    """

    uri: str
    _opened: dict[str, tuple[dict[str, str] | None, DeltaTable]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _opened_at: dict[str, float] = field(default_factory=dict, compare=False, repr=False)
    _ensured: set[str] = field(default_factory=set, compare=False, repr=False)
    _locks: dict[str, Lock] = field(default_factory=dict, compare=False, repr=False)
    _versions: dict[tuple[str, int], tuple[dict[str, str] | None, DeltaTable]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def folder(self, table: str) -> str:
        """Folder of the table, relative to the lake."""
        return f"{TABLES[table].layer}/{table}"

    def table_uri(self, table: str) -> str:
        """URI of the table."""
        return f"{self.uri}/{self.folder(table)}"

    def plain_uri(self, table: str) -> str:
        """URI of the table as libraries on this machine take it; see `plain_path`."""
        return f"{plain_path(self.uri)}/{self.folder(table)}"

    def open(self, table: str) -> DeltaTable | None:
        """The table in its latest version; None where it doesn't exist.

        Raises:
            StorageError: where the lake can't be reached.
            DamagedTableError: The table's log can't be read.
        """
        _check_bucket(self.uri)
        options = storage_options(self.uri)
        opened_with, opened = self._opened.get(table, (None, None))
        now = time.monotonic()
        if opened and opened_with == options:  # temporary credentials change
            try:
                with translate_log_errors(table), self.held(table):
                    opened.update_incremental()
                self._opened_at[table] = now
                return opened
            except DamagedTableError as error:
                self._close(table)
                if OLDER_THAN_CACHED not in error.reason:
                    raise
        try:
            with translate_log_errors(table):
                opened = self._open_version(table, None)
        except TableNotFoundError:
            return None
        self._opened[table] = (options, opened)
        self._opened_at[table] = now
        return opened

    def recent(self, table: str) -> DeltaTable | None:
        """The table in a version that was the latest at most `RECENT_SECONDS` ago; None where it doesn't exist.

        For reading what a run follows from, with the fingerprint of that version: if there is a later one, what was
        computed is stale again. Of raw tables it is the latest: what follows from them has fingerprints of the files
        that `raw_files` lists, whose records must be among those that are read.
        """
        if TABLES[table].layer == "raw":
            return self.open(table)
        options, opened = self._opened.get(table, (None, None))
        is_recent = time.monotonic() - self._opened_at.get(table, -RECENT_SECONDS) < RECENT_SECONDS
        return opened if opened and is_recent and options == storage_options(self.uri) else self.open(table)

    def ensure_recent(self, table: str) -> DeltaTable:
        """The table as by `recent`; as by `ensure` when it is first asked for."""
        return (table in self._ensured and self.recent(table)) or self.ensure(table)

    def held(self, table: str) -> Lock:
        """A lock while which no other thread brings the opened table to a later version."""
        return self._locks.setdefault(table, Lock())

    def opened(self, table: str) -> DeltaTable:
        """The table in the version in which it was opened last, or a later one; created where it doesn't exist."""
        _, opened = self._opened.get(table, (None, None))
        return opened or self.ensure(table)

    def for_each(self, tables: Iterable[str], function: Callable[[str], PerTable]) -> dict[str, PerTable]:
        """Results of a function, by table. In S3, it is called in several threads: nearly all of its time is waiting.

        Of 58 tables there, each opened by 4 requests of 20 ms, one after another takes 9 s.
        """
        names = list(dict.fromkeys(tables))
        if not is_s3(self.uri) or len(names) < 2:
            return {table: function(table) for table in names}
        _check_bucket(self.uri)  # once, not in each thread
        with ThreadPoolExecutor(min(len(names), TABLES_AT_ONCE)) as pool:
            return dict(zip(names, pool.map(function, names), strict=True))

    def inspect(self, tables: Iterable[str]) -> dict[str, DeltaTable | DamagedTableError | None]:
        """Open tables, and compare their files with the sizes in their logs; no data is read.

        Returns:
            Each table, or what is damaged, or None where it doesn't exist.
        """

        def opened(table: str) -> DeltaTable | DamagedTableError | None:
            try:
                return self.open(table)
            except DamagedTableError as error:
                return error

        found = self.for_each(tables, opened)
        # One request on S3 lists a thousand files: it is cheaper to list the lake than each table.
        folders = [self.folder(table) for table in found] if len(found) <= FEW_TABLES else [""]
        sizes = {file.path: file.size for folder in folders for file in storage_at(self.uri).files(folder)}
        for table, delta in found.items():
            if isinstance(delta, DeltaTable) and find_damaged_file(delta, self.folder(table), sizes):
                found[table] = self._inspect_again(table)
        return found

    def _inspect_again(self, table: str) -> DeltaTable | DamagedTableError | None:
        """Inspect a table by itself: another process may have replaced and removed its files meanwhile."""
        self._close(table)
        try:
            delta = self.open(table)
        except DamagedTableError as error:
            return error
        folder = self.folder(table)
        sizes = {file.path: file.size for file in storage_at(self.uri).files(folder)}
        reason = find_damaged_file(delta, folder, sizes) if delta else None
        return DamagedTableError(table, reason) if reason else delta

    def damaged(self, tables: Iterable[str]) -> dict[str, DamagedTableError]:
        """What is damaged of these tables, by table; see `inspect`."""
        return {table: error for table, error in self.inspect(tables).items() if isinstance(error, DamagedTableError)}

    def raise_if_unreadable(self, tables: Iterable[str]) -> None:
        """Read every file of these tables, and raise for the first that is damaged.

        Raises:
            DamagedTableError: A file is missing, can't be read, or has another number of rows than the log says.
        """
        for table, delta in self.inspect(tables).items():
            if isinstance(delta, DamagedTableError):
                raise delta
            if delta is not None and (reason := find_unreadable_file(delta)):
                raise DamagedTableError(table, reason, is_repaired_by_sync=False)

    def reset(self, table: str) -> None:
        """Remove all rows of a table, however damaged it is; its windows become stale and are computed again.

        Where its log can be read, and has no features that another program added, that is one commit, and former
        versions stay. Otherwise its folder is removed.
        """
        try:
            current = self.open(table)
            is_whole = current is None or not self._lacks_entry(current, table)
            if current is not None:
                # Such features, as deletion vectors, stay with a table whatever its rows are.
                is_whole = is_whole and current.protocol().min_reader_version == 1
                history(current)  # raises where an entry is garbled that only this reads
        except DamagedTableError:
            is_whole = False
        if not is_whole:
            self._remove(table)
            current = None
        if current is not None and self._has_model_schema(current, table):
            self.write(table, TABLES[table].arrow_schema.empty_table(), mode="overwrite")
        else:
            self.ensure(table)

    def _lacks_entry(self, delta: DeltaTable, table: str) -> bool:
        """Whether an entry of the table's log is missing, in a listing made after it was opened."""
        folder = self.folder(table)
        sizes = {file.path: file.size for file in storage_at(self.uri).files(f"{folder}/_delta_log")}
        return missing_entry(f"{folder}/_delta_log/", delta.version(), sizes) is not None

    def _close(self, table: str) -> None:
        """Open the table anew when it is next asked for."""
        self._opened.pop(table, None)
        self._opened_at.pop(table, None)
        self._ensured.discard(table)
        for key in [key for key in self._versions if key[0] == table]:
            self._versions.pop(key, None)

    def _remove(self, table: str) -> None:
        """Remove the table's folder, its log first: without it, there is no table, whenever this is interrupted."""
        self._close(table)
        folder = self.folder(table)
        files = storage_at(self.uri)
        paths = [file.path for file in files.files(folder)] or [folder]
        log = {path for path in paths if path.startswith(f"{folder}/_delta_log")}
        files.remove(log)
        files.remove(path for path in paths if path not in log)

    def local_copy(self, table: str, delta: DeltaTable) -> str | None:
        """Folder of a copy of a table in S3 on this machine, in the version of `delta`; see `LocalCopies.table`."""
        copies = copies_of(self.uri)
        try:
            return copies.table(self.folder(table), delta) if copies else None
        except FileNotFoundError:
            return None  # whoever reads the table itself says which one

    def local_files(self, sizes: Mapping[str, int]) -> list[str] | None:
        """Paths of files of the lake on this machine, copied from S3; see `LocalCopies.files`."""
        copies = copies_of(self.uri)
        if copies is None:
            return [f"{plain_path(self.uri)}/{path}" for path in sizes]
        try:
            return copies.files(sizes)
        except FileNotFoundError:
            return None  # whoever reads the table itself says which one

    def at_version(self, table: str, version: int) -> DeltaTable:
        """The table in the given Delta version; opened once, as a version never changes."""
        options = storage_options(self.uri)
        opened_with, opened = self._versions.get((table, version), (None, None))
        if opened is None or opened_with != options:
            opened = self._open_version(table, version)
            self._versions[table, version] = (options, opened)
        return opened

    def _open_version(self, table: str, version: int | None) -> DeltaTable:
        opened = _OpenedTable(self.plain_uri(table), version=version, storage_options=storage_options(self.uri))
        opened.known_commits = {}
        model = TABLES[table]
        opened.pruned_by = (model.layout_column, model.window) if model.is_partitioned else ()
        return opened

    def write(self, table: str, rows: Any, **options: Any) -> None:
        """Write rows by `deltalake.write_deltalake`, to which the options are passed."""
        try:
            write_deltalake(
                self.plain_uri(table),
                rows,
                storage_options=storage_options(self.uri),
                writer_properties=COMPRESSED,
                **options,
            )
        finally:
            self._opened_at.pop(table, None)

    def ensure(self, table: str) -> DeltaTable:
        """The table; created empty from the model where it doesn't exist.

        A table whose schema differs from the model's is emptied and gets the model's schema; its rows become stale
        and are recomputed.
        """
        partition_by = [TABLES[table].layout_column] if TABLES[table].is_partitioned else None
        current = self.open(table)
        if current is None:
            if not is_s3(self.uri):
                # What `plain_path` links to has to be there.
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            # Another run may create the table at the same time. With retries, the later of the two would write a
            # second entry, of another table's id, and what was computed meanwhile would follow from neither.
            with suppress(DeltaError):
                DeltaTable.create(
                    self.plain_uri(table),
                    schema=TABLES[table].arrow_schema,
                    mode="ignore",
                    partition_by=partition_by,
                    name=table,
                    description=TABLES[table].comment,
                    configuration=TABLE_PROPERTIES,
                    storage_options=storage_options(self.uri),
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
            current = self.open(table)
            assert current is not None
        if not self._has_model_schema(current, table):
            self.write(
                table,
                TABLES[table].arrow_schema.empty_table(),
                mode="overwrite",
                schema_mode="overwrite",
                partition_by=partition_by,
            )
            current.update_incremental()
        self._ensured.add(table)
        return current

    @staticmethod
    def _has_model_schema(current: DeltaTable, table: str) -> bool:
        """Whether the table has the columns and types of the model."""
        found = [(field.name, json.loads(field.type.to_json())) for field in current.schema().fields]
        return found == [(name, DELTA_TYPES[type_]) for name, type_ in TABLES[table].spark_types.items()]

    def rows(self, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
        """All rows of a small table as `read` reads them, by primary key; some columns of them, or all.

        Read by `deltalake` alone, whose times come with the time zone UTC. PyArrow's rows with times need pandas, and
        importing both takes 0.3 s.

        Raises:
            DamagedTableError: The table's log or a file of it can't be read.
        """
        current, model = self.open(table), TABLES[table]
        asked = model.columns if columns is None else columns
        if current is None:
            return []
        present = {field.name for field in current.schema().fields}
        selected = ", ".join(f'"{name}"' if name in present else f'NULL AS "{name}"' for name in asked)
        order = ", ".join(f'"{name}"' for name in model.primary_key if name in present) or "1"
        try:
            builder = QueryBuilder().register(table, current)
            found = builder.execute(f'SELECT {selected} FROM "{table}" ORDER BY {order}').read_all()
        except Exception:  # it has no class of its own, whatever is wrong
            return self.read(table, asked).to_pylist()
        values = [found.column(number).to_pylist() for number in range(len(asked))]
        return [dict(zip(asked, row, strict=True)) for row in zip(*values, strict=True)]

    def read(self, table: str, columns: list[str] | None = None) -> "pa.Table":
        """All rows of a small table, or some of its columns; empty where the table doesn't exist.

        Columns that the table lacks, as one that an earlier version wrote, are null.

        Raises:
            DamagedTableError: The table's log or a file of it can't be read.
        """
        import pyarrow as pa

        current, model = self.open(table), TABLES[table].arrow_schema
        asked = model.names if columns is None else columns
        if current is None:
            return pa.schema([model.field(name) for name in asked]).empty_table()
        present = {field.name for field in current.schema().fields}
        try:
            if present >= {*asked}:
                return current.to_pyarrow_table(columns=columns)
            rows = current.to_pyarrow_table(columns=[name for name in asked if name in present])
            for name in asked:
                if name not in present:
                    rows = rows.append_column(model.field(name), pa.nulls(len(rows), model.field(name).type))
            return rows.select(asked)
        except (OSError, pa.ArrowInvalid):
            self.raise_if_unreadable([table])
            raise

    def count(self, table: str) -> int:
        """Number of rows of the table, from its log; 0 where it doesn't exist."""
        return _rows_in_log(self.open(table))

    def recent_count(self, table: str) -> int:
        """As `count`, of the version that `recent` has."""
        return _rows_in_log(self.recent(table))

    def replace(
        self,
        table: str,
        rows: "Callable[[], Iterator[pa.RecordBatch]]",
        *,
        predicate: str | None = None,
        metadata: Callable[[DeltaTable], str] | None = None,
    ) -> None:
        """Replace rows in one commit; retried where another writer commits first.

        Args:
            table: The table; created where it doesn't exist.
            rows: Returns the new rows; called once for each attempt.
            predicate: SQL condition of the rows to replace; None for all.
            metadata: Returns the commit's metadata, given the table before the commit.

        Raises:
            CommitFailedError: where other writers are first at every attempt.
            Exception: Whatever `rows` raises; nothing is committed.
        """
        import pyarrow as pa

        def write() -> None:
            current = self.ensure(table)
            custom = {"userMetadata": metadata(current)} if metadata else None
            failures: list[Exception] = []
            try:
                self.write(
                    table,
                    pa.RecordBatchReader.from_batches(TABLES[table].arrow_schema, _produce(iter(rows()), failures)),
                    mode="overwrite",
                    predicate=predicate,
                    commit_properties=CommitProperties(custom_metadata=custom) if custom else None,
                )
            except DeltaError:
                if not failures:
                    raise
                raise failures[0] from None  # deltalake quotes it in an error of its own

        retry(write, COMMIT_CONFLICT, CommitFailedError)

    def tables(self) -> Iterator[tuple[str, DeltaTable]]:
        """Name and table of every table of the model that exists."""
        for name, current in self.for_each(TABLES, self.open).items():
            if current is not None:
                yield name, current

    def may_remember(self, listener: str) -> bool:
        """Whether any version of a table has rows of the listener, or has a file that can't be read.

        Looks at one column of every file that is still there, and at the log's minima and maxima of it: some seconds
        for 10,000 files.
        """
        stored = storage_at(self.uri)
        return any(
            _may_name(listener, file.path, open_file)
            for name in TABLES
            if "listener" in TABLES[name].columns
            for file, open_file in stored.fetch(list(stored.files(self.folder(name))))
        )

    def drop_history(self) -> int:
        """Remove every file of former versions of all tables, and their log entries.

        Log entries hold conditions of replaced rows, and minima and maxima of columns, and so names of listeners and
        of what they played.

        Returns:
            Number of files removed.
        """
        removed = 0
        files = storage_at(self.uri)
        if is_s3(self.uri):
            remove_own()
            remove_abandoned(of_other_hosts=True)
        remove_uncommitted(self.uri, of_other_hosts=True)
        for name, table in self.tables():
            if properties := carry_forward(table):
                # The state of all windows is in our latest commit, which has to stay: let it be one that names nobody.
                self.write(name, TABLES[name].arrow_schema.empty_table(), mode="append", commit_properties=properties)
                table.update_incremental()
            removed += len(table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True))
            table.update_incremental()
            # A vacuum keeps files that a clock that was wrong has dated in the future.
            live = {f"{self.folder(name)}/{unquote(path)}" for path in table.get_add_actions()["path"].to_pylist()}
            removed += files.remove(
                file.path
                for file in list(files.files(self.folder(name)))
                if file.path.endswith(".parquet") and "/_delta_log/" not in file.path and file.path not in live
            )
            table.create_checkpoint()
            ours = [commit["version"] for commit in history(table) if commit.get("userMetadata")]
            oldest = max(ours, default=table.version())
            entries = {
                entry.path: entry.path.rpartition("/")[2].partition(".")[0]
                for entry in files.files(f"{self.folder(name)}/_delta_log")
            }
            removed += files.remove(
                path for path, version in entries.items() if version.isdigit() and int(version) < oldest
            )
        return removed + files.remove_old_versions()


def _produce(rows: "Iterator[pa.RecordBatch]", failures: list[Exception]) -> "Iterator[pa.RecordBatch]":
    """The rows, produced in a thread of Python's. An error is added to `failures`, and raised.

    The threads in which deltalake asks for rows have stacks of 2 MB. Where Python 3.13 reads JSON of 9,900 levels on
    one, the process dies.
    """
    with ThreadPoolExecutor(1) as producer:
        try:
            while (batch := producer.submit(next, rows, None).result()) is not None:
                yield batch
        except Exception as error:
            failures.append(error)
            raise


def _may_name(listener: str, path: str, open_file: Opener) -> bool:
    """Whether a data file or an entry of the log names a listener, or can't be read."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    is_in_log = "/_delta_log/" in path
    try:
        if is_in_log and path.endswith(".json"):
            # Statistics of files, as JSON in JSON.
            found = f'"listener":{json.dumps(listener, ensure_ascii=False)}'
            with open_file() as content:
                return json.dumps(found, ensure_ascii=False)[1:-1].encode() in content.read()
        if path.endswith(".parquet") and not is_in_log:
            with open_file() as content:
                file = parquet.ParquetFile(content)
                if "listener" not in file.schema_arrow.names:  # of a version before the table had it
                    return False
                return bool(pc.any(pc.equal(file.read(["listener"])["listener"], listener)).as_py())
    except (OSError, pa.ArrowException):
        return True
    return False


def _rows_in_log(table: DeltaTable | None) -> int:
    return sum(table.get_add_actions(flatten=True)["num_records"].to_pylist()) if table else 0


_shared: dict[str, Lake] = {}


def lake_of_process(uri: str) -> Lake:
    """The lake that a sync shares with its runs, so that they open each table once; otherwise one of its own."""
    return _shared.get(uri) or Lake(uri)


@contextmanager
def shared(lake: Lake) -> Iterator[None]:
    """Within it, `lake_of_process` gives this lake."""
    former = _shared.get(lake.uri)
    _shared[lake.uri] = lake
    try:
        yield
    finally:
        if former:
            _shared[lake.uri] = former
        else:
            del _shared[lake.uri]


@cache
def _check_bucket(uri: str) -> None:
    """Check once a process that the bucket exists and can be listed.

    Raises:
        StorageError: where it doesn't, or can't.
    """
    if is_s3(uri):
        Bucket(uri).check()
        # The embedded engine reads these variables when it first opens a bucket.
        os.environ.update(engine_environment(uri))
