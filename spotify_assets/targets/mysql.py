"""MySQL and MariaDB: the star schema and the metrics, for BI tools that a team shares.

A refresh is one transaction: fact windows are replaced, and of other tables the rows that differ, so that readers see
all of it or nothing, and none waits. What is new, or has another shape, is filled beside and renamed, all at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYOUT_COLUMN, TABLES
from spotify_assets.retry import DATABASE, retry
from spotify_assets.settings import Settings
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.mysql_rows import LoadError, code_of, load
from spotify_assets.targets.publishing import Counted, Held, Published, Refresh, TargetError
from spotify_assets.targets.questions import questions

DIALECT = mysql.dialect()
WINDOWS = "published_windows"
NEW, OLD, STAGED = "_new_", "_old_", "_staged_"
CONNECT_SECONDS, READ_SECONDS, RECYCLE_SECONDS = 10, 900, 1800
# Lost or refused connections, lock waits and deadlocks, servers that shut down: what may work the next time.
PASSING = (1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2055)
ADVICE = {
    1044: "the user may not use this database: grant it all on it",
    1045: "user or password is wrong, or the user may not log in from this machine",
    1049: "there is no such database: CREATE DATABASE it",
    1142: "the user lacks a privilege: grant it all on the database",
    1021: "the server's disk is full",
    1114: "the server's disk, or its table space, is full",
    1290: "the server is read-only",
    1836: "the server is read-only",
    2003: "nobody answers there: is the server running, and its address right?",
}


@dataclass(frozen=True)
class MySQL:
    """A database of a MySQL or MariaDB server, as the settings name it."""

    settings: Settings

    @property
    def name(self) -> str:
        """As in `spotify-assets publish mysql`."""
        return "mysql"

    @property
    def tables(self) -> Sequence[str]:
        """The star schema and the metrics."""
        return publishing.of_layers("dimensions", "facts", "metrics")

    @cached_property
    def model(self) -> sa.MetaData:
        """Its tables as they are to be there."""
        return _model(self.tables)

    def shape(self, table: str) -> str:
        """By DDL, which bears the comments."""
        made = self.model.tables[table]
        return ddl.shape(_create(made, ""), *_indexes(made))

    def held(self) -> Mapping[str, Held]:
        """What the database tells; nothing where nothing was published to it."""
        there = sa.text(f"SELECT table_name, shape, window_name, version FROM {WINDOWS}")
        with self._told(), self.engine.connect() as connection:
            present = set(sa.inspect(connection).get_table_names())
            if WINDOWS not in present:
                return {}
            rows = connection.execute(there).all()
        return publishing.held_of([tuple(row) for row in rows if row[0] in present])

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each table there."""
        with self._told(), self.engine.connect() as connection:
            for table in tables:
                yield table, Counted(connection.execute(sa.text(f"SELECT count(*) FROM `{table}`")).scalar_one())

    def drop_history(self, lake: Lake) -> None:
        """It keeps none that can be read."""

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """What is there is changed in one transaction, and what isn't is filled beside and renamed."""
        if refreshes:
            held = self.held()
            is_there = {table for table in held if table in self.tables and held[table].shape == self.shape(table)}
            with self._told():
                # Each begins anew: of an attempt that failed, nothing is there.
                merged = [refresh for refresh in refreshes if _merges(refresh, is_there)]
                filled = [refresh for refresh in refreshes if refresh not in merged]
                yield from retry(lambda: self._filled(lake, filled), DATABASE, _may_pass)
                yield from retry(lambda: self._merged(lake, merged), DATABASE, _may_pass)

    def _filled(self, lake: Lake, refreshes: Sequence[Refresh]) -> list[Published]:
        """Tables that are new or have another shape: filled beside, and renamed in one statement."""
        if not refreshes:
            return []
        names = {refresh.table for refresh in refreshes}
        beside = _model(self.tables, lambda table: NEW + table if table in names else table)
        with self._loading(isolation_level="AUTOCOMMIT") as connection:
            run = _runner(connection)
            present = sa.inspect(connection).get_table_names()
            _drop(run, [table for table in present if table.startswith((NEW, OLD))])
            done = []
            for refresh in refreshes:
                make(connection, beside.tables[NEW + refresh.table])
                done.append(Published(refresh, self._load(connection, lake, refresh, NEW + refresh.table)))
                # To sort what is there takes less than to keep a dozen indexes sorted meanwhile.
                index(connection, beside.tables[NEW + refresh.table])
            replaced = [table for table in names if table in present]
            moves = [f"`{table}` TO `{OLD}{table}`" for table in replaced]
            run(f"RENAME TABLE {', '.join(moves + [f'`{NEW}{table}` TO `{table}`' for table in sorted(names)])}")
            # Their foreign keys went along with what was renamed away.
            for table in set(self.tables) & set(present) - names:
                _refer_anew(connection, table, replaced)
            _drop(run, [OLD + table for table in replaced])
            if WINDOWS not in present:
                make(connection, self.model.tables[WINDOWS])
            run("BEGIN")
            for refresh in refreshes:
                _record(connection, refresh)
            run("COMMIT")
            for name, sql in questions().items():
                if set(self.tables) <= names | set(present):
                    run(f"CREATE OR REPLACE VIEW `{name}` AS {sql}")
        return done

    def _merged(self, lake: Lake, refreshes: Sequence[Refresh]) -> list[Published]:
        """Tables that are there: loaded into temporary ones, and then changed in one transaction."""
        if not refreshes:
            return []
        with self._loading() as connection:
            run = _runner(connection)
            done = []
            for refresh in refreshes:
                staged = STAGED + refresh.table
                run(f"DROP TEMPORARY TABLE IF EXISTS `{staged}`")
                run(f"CREATE TEMPORARY TABLE `{staged}` LIKE `{refresh.table}`")
                done.append(Published(refresh, self._load(connection, lake, refresh, staged)))
            connection.commit()
            for refresh in refreshes:
                for statement in _merge(refresh):
                    run(statement)
                _record(connection, refresh)
            connection.commit()
            for refresh in refreshes:
                run(f"DROP TEMPORARY TABLE `{STAGED}{refresh.table}`")
        return done

    @contextmanager
    def _loading(self, **options: Any) -> Iterator[sa.Connection]:
        """A connection whose changes are not held against foreign keys: the lake's checks did that."""
        with self.engine.connect().execution_options(**options) as connection:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            try:
                yield connection
                connection.exec_driver_sql("SET foreign_key_checks = 1")
            except BaseException:
                connection.invalidate()
                raise

    def _load(self, connection: sa.Connection, lake: Lake, refresh: Refresh, into: str) -> int:
        return load(connection, lake, refresh, into, self.settings.mysql_batch_rows)

    @cached_property
    def engine(self) -> sa.Engine:
        """Connections, kept for half an hour, and tested before they are used again."""
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
    def _told(self) -> Iterator[None]:
        """Errors of the server as ours: what it says, what to do, and where, without user and password."""
        try:
            yield
        except (sa.exc.DBAPIError, LoadError) as error:
            code = code_of(error)
            said = " ".join(map(str, getattr(error, "orig", error).args[-1:])) or "the connection was lost"
            advice = f". It seems that {ADVICE[code]}" if code in ADVICE else ""
            url = sa.make_url(self.settings.mysql_url.get_secret_value())
            place = f"{url.host}:{url.port or 3306}/{url.database}"
            raise TargetError(
                f"mysql: {place}: {said}{advice} (SPOTIFY_ASSETS_MYSQL_URL). What was there before stays"
            ) from None


def _model(tables: Sequence[str], names: Callable[[str], str] = str) -> sa.MetaData:
    model = ddl.served(tables, DIALECT, names=names, retype=_type)
    for table in model.tables.values():
        if TABLES[table.info["model"]].window_column:
            sa.Index(f"{table.info['model']}_by_month", table.columns[LAYOUT_COLUMN])
            sa.Index(f"{table.info['model']}_by_window", table.columns[TABLES[table.info["model"]].window])
    ddl.held_windows(model, WINDOWS)
    return model


def _type(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """MySQL's own, where the general one is too small: times to the second, and texts of 64 kB."""
    if isinstance(type_, sa.DateTime):
        return mysql.DATETIME(fsp=6)
    return mysql.MEDIUMTEXT() if isinstance(type_, sa.Text) else type_


def _create(table: sa.Table, collation: str) -> str:
    """`CREATE TABLE`. Spotify's ids differ by case alone, and names by an accent: text is compared as it is."""
    return f"{ddl.create_table(table, DIALECT, foreign_keys=False)} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 {collation}"


def _indexes(table: sa.Table) -> list[str]:
    """Indexes and foreign keys, as `ALTER TABLE` adds them."""
    indexes = [f"ADD KEY `{index.name}` (`{index.columns[0].name}`)" for index in table.indexes]
    links = [
        f"ADD FOREIGN KEY (`{link.parent.name}`) REFERENCES `{link.column.table.name}` (`{link.column.name}`)"
        for link in table.foreign_keys
    ]
    return sorted(indexes) + sorted(links)


def make(connection: sa.Connection, table: sa.Table) -> None:
    """Make a table, with the collation that compares text byte by byte, white space at its end included.

    Of keys it has its primary one.
    """
    is_mariadb = getattr(connection.dialect, "is_mariadb", False)
    _runner(connection)(_create(table, f"COLLATE={'utf8mb4_nopad_bin' if is_mariadb else 'utf8mb4_0900_bin'}"))


def index(connection: sa.Connection, table: sa.Table) -> None:
    """Add the table's indexes and foreign keys."""
    if parts := _indexes(table):
        _runner(connection)(f"ALTER TABLE `{table.name}` {', '.join(parts)}")


def _may_pass(error: Exception) -> bool:
    return isinstance(error, sa.exc.DBAPIError) and (error.connection_invalidated or code_of(error) in PASSING)


def _merges(refresh: Refresh, is_there: set[str]) -> bool:
    return refresh.table in is_there and (not refresh.is_whole or TABLES[refresh.table].window_column is None)


def _merge(refresh: Refresh) -> list[str]:
    """SQL that makes the table, or its spans, equal the rows that are staged."""
    table, staged = refresh.table, STAGED + refresh.table
    columns, new = (", ".join(f"{of}`{name}`" for name in TABLES[table].columns) for of in ("", "new."))
    if refresh.spans is not None:
        deleted = [f"DELETE FROM `{table}` WHERE {span.predicate(table)}" for span in refresh.spans]
        return [*deleted, f"INSERT INTO `{table}` ({columns}) SELECT {columns} FROM `{staged}`"]
    keys = TABLES[table].primary_key
    on_key = " AND ".join(f"there.`{name}` = new.`{name}`" for name in keys)
    alike = " AND ".join(f"there.`{name}` <=> new.`{name}`" for name in TABLES[table].columns)
    return [
        f"DELETE there FROM `{table}` there LEFT JOIN `{staged}` new ON {on_key} WHERE new.`{keys[0]}` IS NULL",
        f"REPLACE INTO `{table}` ({columns}) SELECT {new} "
        f"FROM `{staged}` new LEFT JOIN `{table}` there ON {alike} WHERE there.`{keys[0]}` IS NULL",
    ]


def _record(connection: sa.Connection, refresh: Refresh) -> None:
    """Note what the table holds now."""
    names = ("table_name", "window_name", "version", "shape")
    there = sa.table(WINDOWS, *map(sa.column, names))
    connection.execute(sa.delete(there).where(there.c.table_name == refresh.table))
    if refresh.held.windows:
        rows = [(refresh.table, name, version, refresh.held.shape) for name, version in refresh.held.windows.items()]
        connection.execute(sa.insert(there), [dict(zip(names, row, strict=True)) for row in rows])


def _refer_anew(connection: sa.Connection, table: str, renamed: Sequence[str]) -> None:
    """Have the table's foreign keys to tables that were renamed away point to those that took their names."""
    changes = [
        f"DROP FOREIGN KEY `{link['name']}`, ADD FOREIGN KEY (`{link['constrained_columns'][0]}`) REFERENCES "
        f"`{link['referred_table'].removeprefix(OLD)}` (`{link['referred_columns'][0]}`)"
        for link in sa.inspect(connection).get_foreign_keys(table)
        if link["referred_table"].removeprefix(OLD) in renamed
    ]
    if changes:
        _runner(connection)(f"ALTER TABLE `{table}` {', '.join(changes)}")


def _runner(connection: sa.Connection) -> Callable[[str], Any]:
    """Runs SQL as it is: a colon or a percent sign in it is no parameter."""
    return lambda sql: connection.exec_driver_sql(sql.replace("%", "%%"))


def _drop(run: Callable[[str], Any], tables: Sequence[str]) -> None:
    if tables:
        run(f"DROP TABLE IF EXISTS {', '.join(f'`{table}`' for table in tables)}")
