"""Snowflake: the star schema and the metrics, copied from the lake's own files by Snowflake itself.

Rows never pass through this process: an external stage leads to the lake's bucket, and `COPY INTO` takes exactly the
files that the Delta log names as live in the version that is published.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

from spotify_assets.lake.tables import Lake
from spotify_assets.settings import Settings
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets import snowflake_sql as sql
from spotify_assets.targets.publishing import Counted, Held, Published, Refresh, TargetError
from spotify_assets.targets.questions import questions
from spotify_assets.targets.snowflake_session import EXISTS, MISSING, Sessions, execute, fetch_rows, ran

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

WINDOWS = "published_windows"
# Beside the tables that are served: rows of the lake's files, for as long as the session lasts, and a table that is
# to replace another.
STAGED, ANEW = "_staged_", "_anew_"


@dataclass(frozen=True)
class Snowflake:
    """A schema in a Snowflake account, as the settings name them."""

    settings: Settings

    @property
    def name(self) -> str:
        """As in `spotify-assets publish snowflake`."""
        return "snowflake"

    @property
    def tables(self) -> Sequence[str]:
        """The star schema and the metrics."""
        return publishing.of_layers("dimensions", "facts", "metrics")

    @cached_property
    def _model(self) -> sa.MetaData:
        model = ddl.served(self.tables, sql.DIALECT, retype=sql.retyped, checks=False)
        ddl.held_windows(model, WINDOWS)
        return model

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self.settings)

    def shape(self, table: str) -> str:
        """By DDL, which bears the comments."""
        made = self._model.tables[table]
        return ddl.shape(sql.create_transient_table(made), *(statement for _, statement in sql.references(made)))

    def held(self) -> Mapping[str, Held]:
        """What the schema tells, of those tables that are there; nothing where nothing was published to it."""
        with self._sessions.session() as connection:
            there = self._tables(connection)
            if WINDOWS not in there:
                return {}
            rows = fetch_rows(connection, f"SELECT table_name, shape, window_name, version FROM {WINDOWS}")
            return publishing.held_of(row for row in rows if row[0] in there & {*self.tables})

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each table there."""
        with self._sessions.session() as connection:
            for table in tables:
                yield table, Counted(int(fetch_rows(connection, f"SELECT COUNT(*) FROM {table}")[0][0]))

    def drop_history(self, lake: Lake) -> None:
        """From now on its tables keep no former versions, and Snowflake removes those that there are."""
        with self._sessions.session() as connection:
            there = self._tables(connection)
            for table in self.tables:
                if table in there:
                    execute(connection, f"ALTER TABLE {table} SET DATA_RETENTION_TIME_IN_DAYS = 0")

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """Each table in a transaction of its own, those that others refer to first."""
        wanted = {refresh.table: refresh for refresh in refreshes}
        with self._sessions.session() as connection:
            there = self._prepare(connection, lake)
            shapes = dict(fetch_rows(connection, f"SELECT DISTINCT table_name, shape FROM {WINDOWS}"))
            for table in self.tables:
                if table in wanted:
                    refresh = wanted[table]
                    files = self._stage(connection, lake, refresh)
                    if table in there and shapes.get(table) == refresh.held.shape:
                        rows = self._replace_rows(connection, refresh)
                    else:
                        rows = self._replace_table(connection, refresh, there)
                        there.add(table)
                    yield Published(refresh, rows, {"files": files})
            for question in questions():
                self._answer(connection, question, shapes.get(question) if question in there else None)

    def _prepare(self, connection: "SnowflakeConnection", lake: Lake) -> set[str]:
        """Make schema, stage and the table of what is held, where they are missing; tell which tables are there."""
        here = sql.here(self.settings, "catalog_name", "schema_name")
        if not fetch_rows(connection, f"SELECT 1 FROM INFORMATION_SCHEMA.SCHEMATA WHERE {here}"):
            execute(connection, f"CREATE SCHEMA {self.settings.snowflake_schema}")
        execute(connection, sql.stage(lake.uri, self.settings.snowflake_storage_integration))
        there = self._tables(connection)
        if WINDOWS not in there:
            execute(connection, sql.create_transient_table(self._model.tables[WINDOWS]))
        return there

    def _tables(self, connection: "SnowflakeConnection") -> set[str]:
        here = sql.here(self.settings, "table_catalog", "table_schema")
        found = f"SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE {here}"
        return {str(name).lower() for (name,) in fetch_rows(connection, found)}

    def _stage(self, connection: "SnowflakeConnection", lake: Lake, refresh: Refresh) -> int:
        """Copy the live files into a table beside, and tell how many: a file is of a month, a span may be of days."""
        beside = STAGED + refresh.table
        files, expected = refresh.live_files(lake)
        execute(connection, sql.staging(self._model.tables[refresh.table], beside))
        loaded = sum(int(row[3]) for copy in sql.copies(files, beside) for row in fetch_rows(connection, copy))
        if loaded != expected:
            raise TargetError(
                f"snowflake: {refresh.table}: {loaded:,} of {expected:,} rows of the lake's files were loaded, and so "
                f"nothing was replaced; does {sql.STAGE} lead to {lake.uri}?"
            )
        return len(files)

    def _replace_rows(self, connection: "SnowflakeConnection", refresh: Refresh) -> int:
        """Rows, and what is held, in one transaction."""
        table = self._model.tables[refresh.table]
        execute(connection, sql.delete(table, refresh.spans))
        rows = execute(connection, sql.insert(table, STAGED + refresh.table, refresh.spans))
        self._note(connection, table.name, refresh.held)
        return rows

    def _replace_table(self, connection: "SnowflakeConnection", refresh: Refresh, there: set[str]) -> int:
        """Fill a table beside and put it in the place of the one that is there, if any; who may read that still may.

        A process that is killed before it is noted does it again.
        """
        table, beside = self._model.tables[refresh.table], ANEW + refresh.table
        execute(connection, sql.create_transient_table(table, beside))
        rows = execute(connection, sql.insert(table, STAGED + refresh.table, None, into=beside))
        connection.commit()
        execute(connection, f"CREATE OR REPLACE TRANSIENT TABLE {table.name} CLONE {beside} COPY GRANTS")
        for link in self._links(table.name, there):
            ran(connection, link, unless=EXISTS)
        self._note(connection, table.name, refresh.held)
        execute(connection, f"DROP TABLE {beside}")
        return rows

    def _answer(self, connection: "SnowflakeConnection", question: str, before: str | None) -> None:
        """The view of that name, where it is another than before."""
        view = sql.view(question)
        shape = ddl.shape(view)
        # Where only some tables are published, others may be missing yet.
        if shape != before and ran(connection, view, unless=MISSING):
            self._note(connection, question, Held(shape, {"view": ""}))

    def _note(self, connection: "SnowflakeConnection", name: str, held: Held) -> None:
        """Note what the table holds now, and commit."""
        for statement in sql.notes(WINDOWS, name, held):
            execute(connection, statement)
        connection.commit()

    def _links(self, made: str, there: set[str]) -> Iterator[str]:
        """Foreign keys of a table that was made, and those that point to it: they went with the former table."""
        for table in self.tables:
            for other, statement in sql.references(self._model.tables[table]):
                if made in (table, other) and {table, other} <= there | {made}:
                    yield statement
