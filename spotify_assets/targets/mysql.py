"""MySQL and MariaDB: the star schema, the metrics and the catalogue, for BI tools that a team shares.

Existing tables are refreshed in one transaction: windows of facts are replaced, and in other tables only the rows that
differ; readers see all of it or nothing, and aren't blocked. Tables that are new or have another schema are filled
under a temporary name, and swapped in by one RENAME.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.retry import DATABASE, retry
from spotify_assets.settings import Settings
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.mysql_rows import LoadError, error_code, load_rows
from spotify_assets.targets.publishing import PublishedState, PublishResult, Refresh, RowCount, TargetError
from spotify_assets.targets.questions import questions

# Not PyMySQL's style of parameters: SQL is text here, in which `%` would be doubled.
DIALECT = mysql.dialect(paramstyle="named")
WINDOWS = "published_windows"
NEW, OLD, STAGED = "_new_", "_old_", "_staged_"
CONNECT_SECONDS, READ_SECONDS, RECYCLE_SECONDS = 10, 900, 1800
# Lost or refused connections, lock waits, deadlocks and shutdowns: a retry may succeed.
TRANSIENT_ERRORS = (1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2055)
ADVICE = {
    1044: "the user may not use this database: grant it all on it",
    1045: "user or password is wrong, or the user may not log in from this machine",
    1049: "there is no such database: CREATE DATABASE it",
    1142: "the user lacks a privilege: grant it all on the database",
    1021: "the server's disk is full",
    1114: "the server's disk, or its table space, is full",
    1290: "the server is read-only",
    1836: "the server is read-only",
    2003: "no server answers there: check that it is running, and its address",
}


@dataclass(frozen=True)
class MySQL:
    """The database of a MySQL or MariaDB server that the settings name."""

    settings: Settings

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish mysql`."""
        return "mysql"

    @property
    def bills_for_states(self) -> bool:
        """False: a server of one's own costs nothing."""
        return False

    @property
    def tables(self) -> Sequence[str]:
        """The star schema, the metrics and `catalog_tracks`."""
        return publishing.tables_for_analysis()

    @cached_property
    def model(self) -> sa.MetaData:
        """The tables in MySQL's dialect."""
        return _mysql_metadata(self.tables)

    def schema_fingerprint(self, table: str) -> str:
        """Hash of the DDL, which includes the comments."""
        sql_table = self.model.tables[table]
        return ddl.ddl_fingerprint(_create_table_sql(sql_table, ""), *_indexes(sql_table))

    def published_states(self) -> Mapping[str, PublishedState]:
        """State by the database's table of windows; empty where nothing was published yet."""
        query = sa.text(f"SELECT table_name, shape, window_name, version FROM {WINDOWS}")
        with self._translate_errors(), self.engine.connect() as connection:
            present = set(sa.inspect(connection).get_table_names())
            if WINDOWS not in present:
                return {}
            rows = connection.execute(query).all()
            # That a table is empty is known without a scan.
            of_each = (
                f"SELECT '{table}', EXISTS (SELECT 1 FROM `{table}`)" for table in self.tables if table in present
            )
            filled = connection.execute(sa.text(" UNION ALL ".join(of_each) or "SELECT '', 1")).all()
        return publishing.states_from_rows(rows, {table: None if is_filled else 0 for table, is_filled in filled})

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each table in the database."""
        with self._translate_errors(), self.engine.connect() as connection:
            for table in tables:
                yield table, RowCount(connection.execute(sa.text(f"SELECT count(*) FROM `{table}`")).scalar_one())

    def drop_history(self, lake: Lake) -> None:
        """Drop the tables that a killed run left; MySQL keeps no other former versions of rows that can be read."""
        with self._translate_errors(), self._connect_for_loading(isolation_level="AUTOCOMMIT") as connection:
            present = sa.inspect(connection).get_table_names()
            _drop_tables(_raw_executor(connection), [table for table in present if table.startswith((NEW, OLD))])

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Create tables that are new or have another schema, and then refresh the others in one transaction."""
        if refreshes:
            states = self.published_states()
            current_tables = {
                table
                for table, state in states.items()
                if table in self.tables and state.schema_fingerprint == self.schema_fingerprint(table)
            }
            with self._translate_errors():
                # Both can be retried: a failed attempt leaves no changes.
                to_merge = [refresh for refresh in refreshes if _is_mergeable(refresh, current_tables)]
                to_create = [refresh for refresh in refreshes if refresh not in to_merge]
                yield from retry(lambda: self._create_tables(lake, to_create), DATABASE, _is_transient)
                yield from retry(lambda: self._merge_tables(lake, to_merge), DATABASE, _is_transient)

    def _create_tables(self, lake: Lake, refreshes: Sequence[Refresh]) -> list[PublishResult]:
        """Fill tables under temporary names, and swap them in by one RENAME."""
        if not refreshes:
            return []
        names = {refresh.table for refresh in refreshes}
        new_tables = _mysql_metadata(self.tables, lambda table: NEW + table if table in names else table)
        with self._connect_for_loading(isolation_level="AUTOCOMMIT") as connection:
            run = _raw_executor(connection)
            present = sa.inspect(connection).get_table_names()
            _drop_tables(run, [table for table in present if table.startswith((NEW, OLD))])
            done = []
            for refresh in refreshes:
                create_empty_table(connection, new_tables.tables[NEW + refresh.table])
                done.append(PublishResult(refresh, self._load(connection, lake, refresh, NEW + refresh.table)))
                # Building the indexes afterwards is faster than maintaining a dozen during the load.
                add_indexes(connection, new_tables.tables[NEW + refresh.table])
            replaced = [table for table in names if table in present]
            renames = [f"`{table}` TO `{OLD}{table}`" for table in replaced]
            run(f"RENAME TABLE {', '.join(renames + [f'`{NEW}{table}` TO `{table}`' for table in sorted(names)])}")
            # A RENAME redirects the foreign keys of other tables to the renamed table.
            for table in set(self.tables) & set(present) - names:
                _repoint_foreign_keys(connection, table, replaced)
            _drop_tables(run, [OLD + table for table in replaced])
            if WINDOWS not in present:
                create_empty_table(connection, self.model.tables[WINDOWS])
            run("BEGIN")
            for refresh in refreshes:
                _record_state(connection, refresh)
            run("COMMIT")
            for name, sql in questions().items():
                if set(self.tables) <= names | set(present):
                    run(f"CREATE OR REPLACE VIEW `{name}` AS {sql}")
        return done

    def _merge_tables(self, lake: Lake, refreshes: Sequence[Refresh]) -> list[PublishResult]:
        """Load rows into temporary staging tables, and merge them into the tables in one transaction."""
        if not refreshes:
            return []
        with self._connect_for_loading() as connection:
            run = _raw_executor(connection)
            done = []
            for refresh in refreshes:
                staged = STAGED + refresh.table
                run(f"DROP TEMPORARY TABLE IF EXISTS `{staged}`")
                run(f"CREATE TEMPORARY TABLE `{staged}` LIKE `{refresh.table}`")
                done.append(PublishResult(refresh, self._load(connection, lake, refresh, staged)))
            connection.commit()
            for refresh in refreshes:
                for statement in _merge_statements(refresh):
                    run(statement)
                _record_state(connection, refresh)
            connection.commit()
            for refresh in refreshes:
                run(f"DROP TEMPORARY TABLE `{STAGED}{refresh.table}`")
        return done

    @contextmanager
    def _connect_for_loading(self, **options: Any) -> Iterator[sa.Connection]:
        """A connection without foreign key checks: the lake's checks cover them."""
        with self.engine.connect().execution_options(**options) as connection:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            try:
                yield connection
                connection.exec_driver_sql("SET foreign_key_checks = 1")
            except BaseException:
                connection.invalidate()
                raise

    def _load(self, connection: sa.Connection, lake: Lake, refresh: Refresh, into: str) -> int:
        return load_rows(connection, lake, refresh, into, self.settings.mysql_batch_rows)

    @cached_property
    def engine(self) -> sa.Engine:
        """Connection pool; connections are recycled after half an hour, and tested before each use."""
        return sa.create_engine(
            sa.make_url(self.settings.mysql_url.get_secret_value()).set(drivername="mysql+pymysql"),
            pool_pre_ping=True,
            pool_recycle=RECYCLE_SECONDS,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "write_timeout": READ_SECONDS,
                "charset": "utf8mb4",
                "local_infile": True,
                "init_command": "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
            },
        )

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Translate errors of the server into a `TargetError` with message, advice and address, but no credentials."""
        try:
            yield
        except (sa.exc.DBAPIError, LoadError) as error:
            code = error_code(error)
            message = " ".join(map(str, getattr(error, "orig", error).args[-1:])) or "the connection was lost"
            advice = f". It seems that {ADVICE[code]}" if code in ADVICE else ""
            url = sa.make_url(self.settings.mysql_url.get_secret_value())
            place = f"{url.host}:{url.port or 3306}/{url.database}"
            raise TargetError(
                f"mysql: {place}: {message}{advice} (SPOTIFY_ASSETS_MYSQL_URL). The former content is unchanged"
            ) from None


def _mysql_metadata(tables: Sequence[str], names: Callable[[str], str] = str) -> sa.MetaData:
    model = ddl.build_metadata(tables, DIALECT, rename=names, retype=_mysql_type)
    for table in model.tables.values():
        source = TABLES[table.info["model"]]
        if source.is_partitioned:
            sa.Index(f"{source}_by_{source.layout_period}", table.columns[source.layout_column])
            sa.Index(f"{source}_by_window", table.columns[source.window])
    ddl.published_windows_table(model, WINDOWS)
    return model


def _mysql_type(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """MySQL's type where it has none of the model's (lists) or too small a one: whole seconds, 64 kB of text."""
    if isinstance(type_, sa.ARRAY):
        return mysql.JSON()
    if isinstance(type_, sa.DateTime):
        return mysql.DATETIME(fsp=6)
    return mysql.MEDIUMTEXT() if isinstance(type_, sa.Text) else type_


def _create_table_sql(table: sa.Table, collation: str) -> str:
    """`CREATE TABLE` with a binary collation: Spotify's ids may differ by case only, and names by an accent."""
    return f"{ddl.create_table(table, DIALECT, foreign_keys=False)} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 {collation}"


def _indexes(table: sa.Table) -> list[str]:
    """`ALTER TABLE` clauses that add the indexes and foreign keys."""
    indexes = [f"ADD KEY `{index.name}` (`{index.columns[0].name}`)" for index in table.indexes]
    foreign_keys = [
        f"ADD FOREIGN KEY (`{key.parent.name}`) REFERENCES `{key.column.table.name}` (`{key.column.name}`)"
        for key in table.foreign_keys
    ]
    return sorted(indexes) + sorted(foreign_keys)


def create_empty_table(connection: sa.Connection, table: sa.Table) -> None:
    """Create a table with its primary key, without indexes and foreign keys.

    The collation compares text byte by byte, including trailing white space.
    """
    is_mariadb = getattr(connection.dialect, "is_mariadb", False)
    _raw_executor(connection)(
        _create_table_sql(table, f"COLLATE={'utf8mb4_nopad_bin' if is_mariadb else 'utf8mb4_0900_bin'}")
    )


def add_indexes(connection: sa.Connection, table: sa.Table) -> None:
    """Add the table's indexes and foreign keys."""
    if parts := _indexes(table):
        _raw_executor(connection)(f"ALTER TABLE `{table.name}` {', '.join(parts)}")


def _is_transient(error: Exception) -> bool:
    return isinstance(error, sa.exc.DBAPIError) and (
        error.connection_invalidated or error_code(error) in TRANSIENT_ERRORS
    )


def _is_mergeable(refresh: Refresh, current_tables: set[str]) -> bool:
    return refresh.table in current_tables and (
        not refresh.replaces_table or TABLES[refresh.table].window_column is None
    )


def _merge_statements(refresh: Refresh) -> list[str]:
    """SQL statements that make the table, or its spans, equal the staging table."""
    table, staged = refresh.table, STAGED + refresh.table
    columns, new = (", ".join(f"{of}`{name}`" for name in TABLES[table].columns) for of in ("", "new."))
    if refresh.spans is not None:
        deleted = [f"DELETE FROM `{table}` WHERE {span.predicate(table)}" for span in refresh.spans]
        return [*deleted, f"INSERT INTO `{table}` ({columns}) SELECT {columns} FROM `{staged}`"]
    keys = TABLES[table].primary_key
    on_key = " AND ".join(f"target.`{name}` = new.`{name}`" for name in keys)
    same_row = " AND ".join(f"target.`{name}` <=> new.`{name}`" for name in TABLES[table].columns)
    return [
        f"DELETE target FROM `{table}` target LEFT JOIN `{staged}` new ON {on_key} WHERE new.`{keys[0]}` IS NULL",
        f"REPLACE INTO `{table}` ({columns}) SELECT {new} "
        f"FROM `{staged}` new LEFT JOIN `{table}` target ON {same_row} WHERE target.`{keys[0]}` IS NULL",
    ]


def _record_state(connection: sa.Connection, refresh: Refresh) -> None:
    """Record the state of the table in the table of windows."""
    names = ("table_name", "window_name", "version", "shape")
    windows = sa.table(WINDOWS, *map(sa.column, names))
    connection.execute(sa.delete(windows).where(windows.c.table_name == refresh.table))
    if refresh.state.windows:
        rows = [
            (refresh.table, name, version, refresh.state.schema_fingerprint)
            for name, version in refresh.state.windows.items()
        ]
        connection.execute(sa.insert(windows), [dict(zip(names, row, strict=True)) for row in rows])


def _repoint_foreign_keys(connection: sa.Connection, table: str, renamed: Sequence[str]) -> None:
    """Point the table's foreign keys to the tables that replaced those that were renamed."""
    changes = [
        f"DROP FOREIGN KEY `{key['name']}`, ADD FOREIGN KEY (`{key['constrained_columns'][0]}`) REFERENCES "
        f"`{key['referred_table'].removeprefix(OLD)}` (`{key['referred_columns'][0]}`)"
        for key in sa.inspect(connection).get_foreign_keys(table)
        if key["referred_table"].removeprefix(OLD) in renamed
    ]
    if changes:
        _raw_executor(connection)(f"ALTER TABLE `{table}` {', '.join(changes)}")


def _raw_executor(connection: sa.Connection) -> Callable[[str], Any]:
    """A function that executes SQL without parameters: colons and percent signs in it are literal."""
    return lambda sql: connection.exec_driver_sql(sql.replace("%", "%%"))


def _drop_tables(run: Callable[[str], Any], tables: Sequence[str]) -> None:
    if tables:
        run(f"DROP TABLE IF EXISTS {', '.join(f'`{table}`' for table in tables)}")
