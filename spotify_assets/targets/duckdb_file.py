"""The DuckDB file: every table of the lake, with keys, comments and the analysis views, for readers on one machine.

Each refresh writes a copy beside the file and renames it: who has the file open goes on reading what it was, blocks
nobody, and whoever opens it later sees all of the refresh.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import duckdb
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.dialects import postgresql

from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.storage import is_s3
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.publishing import Counted, Held, Published, Refresh, TargetError
from spotify_assets.targets.questions import questions, title

# DuckDB's types and comments are written as PostgreSQL's.
DIALECT = postgresql.dialect()
WINDOWS = "published_windows"


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file that is written anew beside itself, and renamed.

    Attributes:
        path: Of the file.
    """

    path: str

    @property
    def name(self) -> str:
        """As in `spotify-assets publish duckdb`."""
        return "duckdb"

    @property
    def tables(self) -> Sequence[str]:
        """All of them."""
        return publishing.of_layers(*LAYERS)

    @cached_property
    def _model(self) -> sa.MetaData:
        """Tables without partitions have their keys; of others, comments tell.

        DuckDB keeps an index for each key: on a million facts it takes five times as long as the facts themselves,
        no query gains by it, and a dimension couldn't be written anew without the facts that refer to it.
        """
        # It looks for the row that a new one refers to among those of before the statement.
        model = ddl.served(
            self.tables, DIALECT, keyed=lambda table: TABLES[table].window_column is None, to_itself=False
        )
        ddl.held_windows(model, WINDOWS)
        return model

    def shape(self, table: str) -> str:
        """By DDL and comments."""
        made = self._model.tables[table]
        return ddl.shape(ddl.create_table(made, DIALECT), *ddl.comments(made, DIALECT))

    def held(self) -> Mapping[str, Held]:
        """What the file tells; nothing where there is none, or none of ours."""
        try:
            with self.readable() as connection:
                rows = connection.execute(f"SELECT table_name, shape, window_name, version FROM {WINDOWS}").fetchall()
        except (FileNotFoundError, duckdb.CatalogException):
            return {}
        except duckdb.Error as error:
            raise TargetError(
                f"duckdb: {self.path} can't be read as a DuckDB file ({_first_line(error)}). Move it away, or set "
                "SPOTIFY_ASSETS_WAREHOUSE to another"
            ) from None
        return publishing.held_of(rows)

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each table there."""
        with self.readable() as connection:
            for table in tables:
                yield table, Counted(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    @contextmanager
    def readable(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect to the file as it is; to a copy of it, where somebody has it open for writing.

        Raises:
            FileNotFoundError: where nothing was published yet.
        """
        file = Path(self.path)
        if not file.exists():
            raise FileNotFoundError(f"{file} is not there yet: `spotify-assets sync` writes it")
        try:
            connection = duckdb.connect(str(file), read_only=True)
        except duckdb.IOException:
            with tempfile.TemporaryDirectory() as folder:
                copy = shutil.copyfile(file, Path(folder, file.name))
                with duckdb.connect(str(copy), read_only=True) as connection:
                    yield connection
            return
        with connection:
            yield connection

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """All in one: the file is renamed once everything is in it."""
        file = Path(self.path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{file}.lock"):
                done = self._rewrite(lake, refreshes, file)
        except (duckdb.Error, OSError) as error:
            raise TargetError(
                f"duckdb: {self.path} can't be written, and is as it was: {_first_line(error)}"
            ) from error
        yield from done

    def drop_history(self, lake: Lake) -> None:
        """Make the file anew: deleted rows stay in its free blocks."""
        list(self.publish(lake, publishing.behind(self, lake, anew=True)))

    def _rewrite(self, lake: Lake, refreshes: Sequence[Refresh], file: Path) -> list[Published]:
        beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
        try:
            if file.exists() and {refresh.table for refresh in refreshes if refresh.is_whole} != set(self.tables):
                shutil.copyfile(file, beside)
            with duckdb.connect(str(beside)) as connection:
                # Each statement by itself would be written to the disk by itself.
                connection.begin()
                done = self._write(connection, lake, refreshes)
                connection.commit()
            # Whoever wrote into the file left what is not to be replayed over this one.
            Path(f"{file}.wal").unlink(missing_ok=True)
            os.replace(beside, file)
        finally:
            for left in (beside, Path(f"{beside}.wal")):
                left.unlink(missing_ok=True)
        return done

    def _write(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, refreshes: Sequence[Refresh]
    ) -> list[Published]:
        wanted = {refresh.table: refresh for refresh in refreshes}
        # A table can't be dropped while others refer to it.
        dropped = self._with_referring(table for table, refresh in wanted.items() if refresh.is_whole)
        present = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        # Nor can one be made before those that it refers to.
        needed = (dropped | self._referred(dropped) - present) - wanted.keys()
        wanted |= {also.table: also for also in publishing.behind(self, lake, needed, anew=True)}
        connection.execute("SET TimeZone = 'UTC'")
        for name in questions():
            connection.execute(f"DROP VIEW IF EXISTS {name}")
        for table in reversed(self.tables):
            if table in dropped:
                connection.execute(f"DROP TABLE IF EXISTS {table}")
        windows = ddl.create_table(self._model.tables[WINDOWS], DIALECT)
        connection.execute(windows.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        done = [
            Published(wanted[table], self._replace(connection, lake, wanted[table]))
            for table in self.tables
            if table in wanted
        ]
        for name, sql in questions().items():
            # Where only some tables are published, others may be missing yet.
            with suppress(duckdb.CatalogException):
                connection.execute(f"CREATE VIEW {name} AS {sql}")
                question = title(name).replace("'", "''")
                connection.execute(f"COMMENT ON VIEW {name} IS '{question}'")
        return done

    def _replace(self, connection: duckdb.DuckDBPyConnection, lake: Lake, refresh: Refresh) -> int:
        """Write the table, or its spans, and what it holds now; tell how many rows."""
        table, made = refresh.table, self._model.tables[refresh.table]
        if refresh.spans is None:
            connection.execute(ddl.create_table(made, DIALECT))
            for comment in ddl.comments(made, DIALECT):
                connection.execute(comment)
        else:
            for span in refresh.spans:
                connection.execute(f"DELETE FROM {table} WHERE {span.predicate(table)}")
        columns = ", ".join(f'"{column.name}"' for column in made.columns)
        rows, parameters = _rows(connection, lake, refresh)
        told = connection.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}", parameters
        ).fetchall()
        connection.execute(f"DELETE FROM {WINDOWS} WHERE table_name = ?", [table])
        held = [(table, name, version, refresh.held.shape) for name, version in refresh.held.windows.items()]
        connection.executemany(
            f"INSERT INTO {WINDOWS} (table_name, window_name, version, shape) VALUES (?, ?, ?, ?)", held
        )
        return int(told[0][0])

    def _with_referring(self, tables: Iterable[str]) -> set[str]:
        """These tables, and all that refer to one of them by an enforced key, however far away."""
        found = set(tables)
        for table in self.tables:  # those that are referred to come first
            if any(link.column.table.name in found for link in self._model.tables[table].foreign_keys):
                found.add(table)
        return found

    def _referred(self, tables: Iterable[str]) -> set[str]:
        """All that these tables refer to by an enforced key, however far away."""
        found = set(tables)
        for table in reversed(self.tables):
            if table in found:
                found |= {link.column.table.name for link in self._model.tables[table].foreign_keys}
        return found


def _rows(connection: duckdb.DuckDBPyConnection, lake: Lake, refresh: Refresh) -> tuple[str, list[list[str]]]:
    """SQL for the refresh's rows, and its parameters.

    Files on this disk DuckDB reads itself, faster than what Arrow reads for it; but not those of a log that tells more
    of rows than the files do, nor below a folder whose name it would take for a column's value.
    """
    if not is_s3(lake.uri) and "=" not in lake.uri and refresh.delta(lake).protocol().min_reader_version == 1:
        files, _ = refresh.live_files(lake)
        if files:
            spans = " OR ".join(f"({span.predicate(refresh.table)})" for span in refresh.spans or ())
            within = f" WHERE {spans}" if spans else ""
            return f"read_parquet(?, union_by_name = true){within}", [[f"{lake.uri}/{path}" for path in files]]
    connection.register("lake_rows", refresh.rows(lake))
    return "lake_rows", []


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
