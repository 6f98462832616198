"""The DuckDB file: every table of the lake, with keys, comments and the analysis views, for readers on one machine.

Large raw and cleaned tables and partial aggregates of a lake on disk are views of its Parquet files, by their absolute
names. With ten million plays the file takes 1.5 GB instead of 4.4, and to write it 21 s instead of 70. Queries of
views take two to four times as long, so that facts, which pages read, and all smaller tables are copied.

Each refresh writes a copy of the file and renames it over the former one. A reader that has the file open keeps
reading the former content and blocks no refresh; later readers see the refresh as a whole. A program that has it open
for writing blocks refreshes: what it commits after the copy would be lost.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from filelock import FileLock

from spotify_assets.lake.copies import live_files
from spotify_assets.lake.tables import Lake
from spotify_assets.lazy import lazy_module
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.refresh.source_cache import kept
from spotify_assets.retry import Backoff, retry
from spotify_assets.storage import is_s3
from spotify_assets.targets import publishing
from spotify_assets.targets.duckdb_blocks import is_cut_off
from spotify_assets.targets.lake_reader import FILE_SETTINGS, SANDBOX, parquet_files, parquet_scan, sql_list
from spotify_assets.targets.publishing import (
    FILES,
    NOTE,
    PublishedState,
    PublishResult,
    Refresh,
    RowCount,
    TargetError,
)
from spotify_assets.targets.questions import questions, title

if TYPE_CHECKING:
    import duckdb
    import sqlalchemy as sa
    from deltalake import DeltaTable
else:
    duckdb = lazy_module("duckdb")

WINDOWS = "published_windows"
# Tables of these layers, and partial aggregates, are views if their files have more bytes than this.
VIEWED_LAYERS = ("raw", "cleaned")
VIEWED_BYTES = 64_000_000
# In such names of folders DuckDB would see a pattern, or a partition.
NOT_VIEWED = re.compile(r"[*?\[=]")
FILE_LIST_DIGITS = 16
# Of threads that open a file and restrict what its queries may read.
_restricting = Lock()
# In DuckDB's errors about a file that isn't there.
MISSING_FILE = ("No files found", "No such file")
FILE_GONE = (
    "a file of the lake that this table is read from was replaced meanwhile, or the lake was moved: try again, and if "
    "that doesn't help, run `spotify-assets sync`"
)
# Of the name of a copy, before it is renamed.
COPY_DIGITS = 8
# DuckDB's message about a file that ends too early.
CUT_OFF = "Could not read enough bytes"
# A query by DuckDB's shell, which opens files for writing, takes a second or two.
IN_USE = Backoff(attempts=6, first_wait=0.25, longest_wait=2)


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file; each refresh writes a new file and renames it over the former one.

    Attributes:
        path: Path of the file.
        standalone: Copy every table, so that the file needs no lake beside it.
    """

    path: str
    standalone: bool = False

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish duckdb`."""
        return "duckdb"

    @property
    def bills_for_states(self) -> bool:
        """False: a file costs nothing."""
        return False

    @property
    def tables(self) -> Sequence[str]:
        """All tables of the lake."""
        return publishing.tables_of_layers(*LAYERS)

    @cached_property
    def _model(self) -> sa.MetaData:
        """Keys are declared for unpartitioned tables only; the comments of others name them.

        DuckDB builds an index for each key. For a million facts that takes five times as long as writing them, speeds
        up no query, and a dimension couldn't be replaced without the facts that reference it.
        """
        from spotify_assets.targets import ddl

        # DuckDB checks a reference of a table to itself against the rows before the statement.
        model = ddl.build_metadata(
            self.tables, ddl.DUCKDB, has_keys=lambda table: TABLES[table].layer == "dimensions", self_references=False
        )
        ddl.published_windows_table(model, WINDOWS)
        return model

    def file_list(self, lake: Lake, table: str, delta: DeltaTable) -> str | None:
        """Hash of the absolute names of the files that the table is to be a view of; None if it is to be a copy."""
        files = self._viewed_files(lake, table, delta)
        return hashlib.sha256("\n".join(files).encode()).hexdigest()[:FILE_LIST_DIGITS] if files else None

    def _viewed_files(self, lake: Lake, table: str, delta: DeltaTable) -> list[str]:
        """Absolute names of the files that the table is to be a view of, sorted; empty if it is to be a copy."""
        model = TABLES[table]
        if self.standalone or is_s3(lake.uri) or not (model.layer in VIEWED_LAYERS or model.is_partial):
            return []
        folder = _real_folder(lake, table)
        sizes = live_files(folder, delta)
        if sum(sizes.values()) <= VIEWED_BYTES or NOT_VIEWED.search(folder) or not parquet_files(lake, delta, model):
            return []
        return sorted(sizes)

    def refresh_views(self, lake: Lake) -> None:
        """Let views read the files that tables have now. Until then, no file that they read may be removed.

        Damaged tables are left out: maintenance removes no file of them.

        Raises:
            TargetError: The file can't be written.
        """
        viewed = [table for table, state in self.published_states().items() if FILES in state.windows]
        viewed = sorted({*viewed} - lake.damaged(viewed).keys()) if viewed else []
        if pending := publishing.pending_refreshes(self, lake, viewed) if viewed else []:
            list(self.publish(lake, pending))

    def schema_fingerprint(self, table: str) -> str:
        """Hash of DDL and comments."""
        return self._schema_fingerprints[table]

    @cached_property
    def _schema_fingerprints(self) -> dict[str, str]:
        def compute() -> dict[str, str]:
            from spotify_assets.targets import ddl

            tables = {name: self._model.tables[name] for name in self.tables}
            return {
                name: ddl.ddl_fingerprint(
                    ddl.create_table(table, ddl.DUCKDB), *ddl.comment_statements(table, ddl.DUCKDB)
                )
                for name, table in tables.items()
            }

        found: dict[str, str] = kept("duckdb", compute, version("sqlalchemy"))
        return found

    def published_states(self) -> Mapping[str, PublishedState]:
        """State by the file's table of windows; empty where the file is missing, damaged, or lacks that table."""
        try:
            with self.connect_read_only() as connection:
                self._check_size(connection)
                return self._states(connection)
        except (FileNotFoundError, duckdb.CatalogException):
            return {}
        except duckdb.Error as error:
            if self._is_damage(error):
                return {}
            raise TargetError(
                f"duckdb: {self.path} can't be read as a DuckDB file ({_first_line(error)}). Move it away, or set "
                "SPOTIFY_ASSETS_WAREHOUSE to another"
            ) from None

    def _states(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, PublishedState]:
        """State of each table; raises CatalogException without the table of windows."""
        rows = connection.execute(f"SELECT table_name, shape, window_name, version FROM {WINDOWS}").fetchall()
        found = _tables_in(connection)
        # DuckDB knows the number of rows of its tables without reading them.
        of_each = " UNION ALL ".join(
            f"SELECT '{table}', count(*) FROM {table}" for table in self.tables if table in found
        )
        counts: dict[str, int | None] = dict(connection.execute(of_each or "SELECT '', 0").fetchall())
        # A table that is now a view, or a view that is now a table, isn't what the row of its windows is about.
        viewed = {table for table, _, window, _ in rows if window == FILES}
        counts = {table: count for table, count in counts.items() if table not in viewed}
        counts |= dict.fromkeys(viewed & _views(connection))
        return publishing.states_from_rows(rows, counts)

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each table in the file."""
        with self.connect_read_only() as connection:
            for table in tables:
                try:
                    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
                except duckdb.IOException as error:
                    raise TargetError(f"duckdb: {table} can't be read: {_first_line(error)}") from error
                yield table, RowCount(rows)

    @contextmanager
    def connect_read_only(self, sandboxed_lake: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect read-only to the file, or to a copy where another process has it open for writing.

        Args:
            sandboxed_lake: URI of the lake, if queries are to reach nothing but the file and the folders of tables
                that it has views of. Connections of one process that are open at once need the same.

        Raises:
            FileNotFoundError: where nothing was published yet; the message names the command.
            duckdb.IOException: Also where a file was removed that a view reads; the message says what to do.
        """
        file = Path(self.path)
        if not file.exists() or not file.stat().st_size:
            raise FileNotFoundError(f"{file} is not there yet: `spotify-assets sync` writes it")
        with ExitStack() as stack:
            try:
                connection = open_read_only(str(file), sandboxed_lake)
            except duckdb.IOException:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                connection = open_read_only(shutil.copyfile(file, f"{folder}/{file.name}"), sandboxed_lake)
            stack.enter_context(connection)
            try:
                yield connection
            except duckdb.IOException as error:
                if any(words in str(error) for words in MISSING_FILE):
                    raise duckdb.IOException(FILE_GONE) from error
                raise

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Execute all refreshes, and rename the new file over the former one at the end."""
        file = Path(self.path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{file}.lock"):
                done = self._rewrite_sound(lake, refreshes, file)
        except (duckdb.Error, OSError) as error:
            raise TargetError(
                f"duckdb: {self.path} can't be written, and is unchanged: {_first_line(error)}"
            ) from error
        yield from done

    def drop_history(self, lake: Lake) -> None:
        """Rewrite the file: free blocks of a DuckDB file keep deleted rows. Copies of killed runs go, too.

        Raises:
            TargetError: also where a damaged file is kept, which a person must delete.
        """
        list(self.publish(lake, publishing.pending_refreshes(self, lake, full=True)))
        file = Path(self.path)
        if kept := sorted(
            str(path) for path in file.parent.iterdir() if path.name.startswith(f"{file.name}.damaged-")
        ):
            raise TargetError(
                f"duckdb: former rows are in {', '.join(kept)}, since tables of your own may be: delete it"
            )

    def _rewrite_sound(self, lake: Lake, refreshes: Sequence[Refresh], file: Path) -> list[PublishResult]:
        """Rewrite the file, after a damaged one was moved aside, or removed where only our tables are in it."""
        note = self._move_damaged_aside(file)
        try:
            done = self._rewrite(lake, refreshes, file)
        except duckdb.Error as error:
            # Damage within a table is found only when its blocks are read.
            if not self._is_damage(error):
                raise
            note = self._move_aside(file)
            done = self._rewrite(lake, publishing.pending_refreshes(self, lake), file)
        if note and done:
            done[0] = replace(done[0], details={NOTE: note})
        return done

    def _is_damage(self, error: duckdb.Error) -> bool:
        """Whether the error says that the file, or a copy of it, is a damaged DuckDB file."""
        text = str(error)
        return "Corrupt database file" in text or (CUT_OFF in text and Path(self.path).name in text)

    def _check_size(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise an error of DuckDB where blocks are missing at the end of the file; DuckDB itself would open it."""
        if is_cut_off(Path(self.path), connection):
            raise duckdb.IOException(f"{CUT_OFF} from file {self.path}")

    def _move_damaged_aside(self, file: Path) -> str | None:
        """Make way for a new file where this one is damaged; return a line that says so."""
        if not file.exists():
            return None
        is_ours = False
        try:
            with duckdb.connect(str(file), read_only=True) as connection:
                ours = {("main", name) for name in (*self.tables, WINDOWS, *questions())}
                is_ours = _names_in(connection) <= ours
                self._check_size(connection)
        except duckdb.Error as error:
            if "replaying WAL" in str(error):
                return self._move_aside(file, wal_only=True)
            if not self._is_damage(error):
                return None
            if not is_ours:
                return self._move_aside(file)
            file.unlink()
            return f"duckdb: {file} was damaged, and was written anew"
        return None

    def _move_aside(self, file: Path, *, wal_only: bool = False) -> str:
        """Rename the file and its WAL, or the WAL alone, and return a line that says so."""
        kept = f"{file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for path in _wal_files(file) if wal_only else (*_wal_files(file), file):
            path.rename(path.with_name(kept + path.name.removeprefix(file.name)))
        what, name = ("had a WAL file that doesn't fit", f"{kept}.wal") if wal_only else ("was damaged", kept)
        return (
            f"duckdb: {file} {what}, and was written anew. What may be of your own is kept as {name}; delete it if "
            "you need nothing of it"
        )

    def _rewrite(self, lake: Lake, refreshes: Sequence[Refresh], file: Path) -> list[PublishResult]:
        staging = file.with_name(f".{file.name}.{uuid4().hex[:COPY_DIGITS]}")
        beside = staging
        if "?" in str(file):
            # DuckDB 1.5 looks for a WAL file at what precedes the `?`, and can't write there.
            staging = Path(tempfile.gettempdir(), staging.name)
        self._remove_copies(file)
        with ExitStack() as stack:
            stack.callback(self._remove_copies, file)
            if file.exists() and file.stat().st_size:
                self._copy(stack.enter_context(_keep_writers_out(file)), staging, refreshes)
            else:
                # DuckDB would replay the WAL file of a file that was deleted over the new one.
                for left in _wal_files(file):
                    left.unlink()
            with duckdb.connect(str(staging), config=FILE_SETTINGS) as connection:
                # One transaction: DuckDB would sync to disk at each commit.
                connection.begin()
                done = self._write(connection, lake, refreshes)
                connection.commit()
            if staging != beside:
                shutil.copyfile(staging, beside)
            os.replace(beside, file)
        return done

    @staticmethod
    def _remove_copies(file: Path) -> None:
        """Remove the copies of this run, and of killed ones; only with the lock on the file."""
        of_a_run = re.compile(rf"\.{re.escape(file.name)}\.[0-9a-f]{{{COPY_DIGITS}}}(\.old)?(\.wal.*)?")
        for folder in {file.parent, Path(tempfile.gettempdir())} if "?" in str(file) else {file.parent}:
            for path in folder.iterdir():
                if of_a_run.fullmatch(path.name):
                    path.unlink()

    def _copy(self, content: BinaryIO, staging: Path, refreshes: Sequence[Refresh]) -> None:
        """Copy the file; where every table is replaced, only what isn't ours, as free blocks keep deleted rows."""
        is_whole = {refresh.table for refresh in refreshes if refresh.replaces_table} >= set(self.tables)
        copy = Path(f"{staging}.old") if is_whole else staging
        with copy.open("wb") as written:
            shutil.copyfileobj(content, written, 1 << 20)
        if is_whole:
            with duckdb.connect(str(copy)) as connection:
                _drop(connection, (*reversed(self.tables), WINDOWS, *questions()))
            with duckdb.connect(str(staging)) as connection:
                quoted = str(copy).replace("'", "''")
                connection.execute(f"ATTACH '{quoted}' AS former (READ_ONLY)")
                [(new,)] = connection.execute("SELECT current_database()").fetchall()
                connection.execute(f'COPY FROM DATABASE former TO "{new}"')

    def _write(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, refreshes: Sequence[Refresh]
    ) -> list[PublishResult]:
        from spotify_assets.targets import ddl

        wanted = {refresh.table: refresh for refresh in refreshes}
        present = _tables_in(connection) | (_views(connection) & {*self.tables})
        added = self._added_files(connection, lake, refreshes) if WINDOWS in present else {}
        # A table can't be dropped while other tables reference it.
        dropped = self._referring_tables(
            table for table, refresh in wanted.items() if refresh.replaces_table and table not in added
        )
        # A table can't be created before those that it references.
        needed = (dropped | self._referenced_tables(dropped) - present) - wanted.keys()
        wanted |= {also.table: also for also in publishing.pending_refreshes(self, lake, needed, full=True)}
        connection.execute("SET TimeZone = 'UTC'")
        _drop(connection, (*questions(), *(table for table in reversed(self.tables) if table in dropped)))
        windows = ddl.create_table(self._model.tables[WINDOWS], ddl.DUCKDB)
        connection.execute(windows.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        if is_s3(lake.uri):
            # Several tables at once; their rows are inserted one after another.
            lake.for_each(wanted, lambda table: _local_files(lake, wanted[table], added.get(table)))
        done = [
            PublishResult(wanted[table], self._replace(connection, lake, wanted[table], added.get(table)))
            for table in self.tables
            if table in wanted
        ]
        for name, sql in questions().items():
            # Tables of the view may be missing where only some tables were published, or files of a view among them.
            with suppress(duckdb.CatalogException, duckdb.IOException):
                connection.execute(f"CREATE VIEW {name} AS {sql}")
                question = title(name).replace("'", "''")
                connection.execute(f"COMMENT ON VIEW {name} IS '{question}'")
        return done

    def _added_files(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, refreshes: Sequence[Refresh]
    ) -> dict[str, list[str]]:
        """By table: the files whose rows are all that it lacks; see `publishing.added_files`."""
        states = self._states(connection)
        whole = [
            refresh
            for refresh in refreshes
            if refresh.replaces_table and refresh.table in states and not refresh.reads_files
        ]
        found = {refresh.table: publishing.added_files(lake, refresh, states[refresh.table]) for refresh in whole}
        return {table: files for table, files in found.items() if files is not None}

    def _replace(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, refresh: Refresh, added: Sequence[str] | None
    ) -> int:
        """Write the table, its spans or the rows of added files, and its state; return the number of rows written."""
        from spotify_assets.targets import ddl

        table, sql_table = refresh.table, self._model.tables[refresh.table]
        columns = ", ".join(f'"{column.name}"' for column in sql_table.columns)
        if refresh.reads_files:
            rows = self._view(connection, lake, refresh, columns)
        else:
            if refresh.replaces_table and added is None:
                connection.execute(ddl.create_table(sql_table, ddl.DUCKDB))
                for comment in ddl.comment_statements(sql_table, ddl.DUCKDB):
                    connection.execute(comment)
            for span in refresh.spans or ():
                connection.execute(f"DELETE FROM {table} WHERE {span.predicate(table)}")
            source, parameters = _refresh_rows_sql(connection, lake, refresh, added)
            insert = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source}"
            [(rows,)] = connection.execute(insert, parameters).fetchall()
        connection.execute(f"DELETE FROM {WINDOWS} WHERE table_name = ?", [table])
        window_rows = [
            (table, name, version, refresh.state.schema_fingerprint) for name, version in refresh.state.windows.items()
        ]
        connection.executemany(
            f"INSERT INTO {WINDOWS} (table_name, window_name, version, shape) VALUES (?, ?, ?, ?)", window_rows
        )
        return int(rows)

    def _view(self, connection: duckdb.DuckDBPyConnection, lake: Lake, refresh: Refresh, columns: str) -> int:
        """Create a view of the table's files, with comments, and return their number of rows."""
        from spotify_assets.targets import ddl

        files = self._viewed_files(lake, refresh.table, refresh.delta(lake))
        scan = parquet_scan(files, TABLES[refresh.table])
        connection.execute(f"CREATE VIEW {refresh.table} AS SELECT {columns} FROM {scan}")
        for comment in ddl.comment_statements(self._model.tables[refresh.table], ddl.DUCKDB):
            connection.execute(comment.replace("COMMENT ON TABLE", "COMMENT ON VIEW", 1))
        return refresh.live_files(lake)[1]

    def _referring_tables(self, tables: Iterable[str]) -> set[str]:
        """These tables, and all that reference one of them directly or indirectly by an enforced key."""
        found = set(tables)
        for table in self.tables:  # referenced tables come first
            if any(link.column.table.name in found for link in self._model.tables[table].foreign_keys):
                found.add(table)
        return found

    def _referenced_tables(self, tables: Iterable[str]) -> set[str]:
        """These tables, and all that they reference directly or indirectly by an enforced key."""
        found = set(tables)
        for table in reversed(self.tables):
            if table in found:
                found |= {link.column.table.name for link in self._model.tables[table].foreign_keys}
        return found


def _tables_in(connection: duckdb.DuckDBPyConnection, schema: str = "main") -> set[str]:
    """Names of the tables in schemas like this one."""
    # With a parameter, DuckDB imports pandas: 0.2 s.
    query = f"SELECT table_name FROM duckdb_tables() WHERE schema_name LIKE '{schema}'"
    return {name for (name,) in connection.execute(query).fetchall()}


def _views(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the views beside our tables."""
    query = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
    return {name for (name,) in connection.execute(query).fetchall()}


def _names_in(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Schema and name of every table and view."""
    tables = "SELECT schema_name, table_name FROM duckdb_tables()"
    views = "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
    return {(schema, name) for schema, name in connection.execute(f"{tables} UNION ALL {views}").fetchall()}


def _drop(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Drop these tables and views, in this order, where they are there."""
    views = _views(connection)
    for name in names:
        connection.execute(f"DROP {'VIEW' if name in views else 'TABLE'} IF EXISTS {name}")


def open_read_only(path: str, sandboxed_lake: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file read-only; see `Warehouse.connect_read_only`."""
    if sandboxed_lake is None:
        return duckdb.connect(path, read_only=True)
    with _restricting:
        connection = duckdb.connect(path, read_only=True, config=FILE_SETTINGS)
        try:
            # Connections of one process share the settings of a file that is open.
            [(is_locked,)] = connection.execute("SELECT current_setting('lock_configuration')").fetchall()
            if not is_locked:
                lake = Lake(sandboxed_lake)
                folders = [_real_folder(lake, table) for table in sorted(_views(connection) & TABLES.keys())]
                # DuckDB takes no list of folders in `config`.
                connection.execute(f"SET allowed_directories = {sql_list(folders)}")
                for setting, value in SANDBOX.items():
                    connection.execute(f"SET {setting} = {value}")
        except BaseException:
            connection.close()
            raise
    return connection


def _real_folder(lake: Lake, table: str) -> str:
    return os.path.realpath(f"{lake.uri}/{lake.folder(table)}")


@contextmanager
def _keep_writers_out(file: Path) -> Iterator[BinaryIO]:
    """Open the file for reading, complete (without a WAL file), and locked against programs that write to it.

    The lock is that of DuckDB, of POSIX: shared by readers, exclusive for one writer. It ends with the first file
    descriptor of the file that this process closes, so the file must be read through the one that is yielded.

    Raises:
        OSError: where another program has the file open for writing, or has rows of a WAL file open for reading.
    """

    def lock() -> BinaryIO:
        with ExitStack() as stack:
            if _wal_files(file):
                # The former program that wrote to the file was killed.
                with duckdb.connect(str(file)) as connection:
                    connection.execute("CHECKPOINT")
            content = stack.enter_context(file.open("rb"))
            fcntl.lockf(content, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if _wal_files(file):
                raise BlockingIOError
            stack.pop_all()
            return content

    def is_locked(error: Exception) -> bool:
        return isinstance(error, BlockingIOError) or "Conflicting lock" in str(error)

    try:
        content = retry(lock, IN_USE, is_locked)
    except (BlockingIOError, duckdb.IOException) as error:
        if is_locked(error):
            raise OSError(
                "another program has it open, and may write to it. Close it there, or open it read-only "
                "(duckdb -readonly), then run this again"
            ) from None
        raise
    with content:
        yield content


def _wal_files(file: Path) -> list[Path]:
    """The file's WAL (committed rows that aren't in the file yet), also those of a checkpoint that was interrupted."""
    names = (f"{file}.wal", f"{file}.wal.checkpoint", f"{file}.wal.recovery")
    return [path for path in map(Path, names) if path.exists()]


def _refresh_rows_sql(
    connection: duckdb.DuckDBPyConnection, lake: Lake, refresh: Refresh, only: Sequence[str] | None = None
) -> tuple[str, list[list[str]]]:
    """`FROM` item with the refresh's rows, or `only` those of some files, and its parameters.

    DuckDB reads local Parquet files itself, faster than through Arrow. Arrow is used for tables whose Delta log has
    features beyond reader version 1, of which `deltalake` refuses those that it can't read (such as deletion vectors),
    and below a folder with `=` in its name, which DuckDB would read as a Hive partition.
    """
    if files := _local_files(lake, refresh, only):
        spans = " OR ".join(f"({span.predicate(refresh.table)})" for span in refresh.spans or ())
        within = f" WHERE {spans}" if spans else ""
        return f"read_parquet(?, union_by_name = true){within}", [files]
    connection.register("lake_rows", refresh.rows(lake, files=only))
    return "lake_rows", []


def _local_files(lake: Lake, refresh: Refresh, only: Sequence[str] | None = None) -> list[str] | None:
    """Paths on this machine of the files with a refresh's rows, or `only` those; None where DuckDB can't read them."""
    if "=" in lake.uri or refresh.delta(lake).protocol().min_reader_version != 1:
        return None
    sizes = live_files(lake.folder(refresh.table), refresh.delta(lake))
    if not sizes:
        return None
    return lake.local_files({path: sizes[path] for path in (refresh.live_files(lake)[0] if only is None else only)})


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
