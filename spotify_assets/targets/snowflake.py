"""Snowflake: the star schema, the metrics and the catalogue, copied from the lake's files by Snowflake itself.

No rows pass through this process: `COPY INTO` reads exactly the Parquet files of the published Delta version, through
an external stage on the lake's bucket.
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
from spotify_assets.targets.publishing import PublishedState, PublishResult, Refresh, RowCount, TargetError
from spotify_assets.targets.questions import questions
from spotify_assets.targets.snowflake_session import (
    ALREADY_EXISTS,
    DOES_NOT_EXIST,
    SessionPool,
    execute,
    fetch_rows,
    try_execute,
)

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

WINDOWS = "published_windows"
# Prefixes: of temporary staging tables with the rows of the lake's files, and of tables that are to replace another.
STAGED, REPLACEMENT = "_staged_", "_anew_"


@dataclass(frozen=True)
class Snowflake:
    """The schema of a Snowflake account that the settings name."""

    settings: Settings

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish snowflake`."""
        return "snowflake"

    @property
    def bills_for_states(self) -> bool:
        """True: every query wakes the warehouse, for at least a minute."""
        return True

    @property
    def tables(self) -> Sequence[str]:
        """The star schema, the metrics and `catalog_tracks`."""
        return publishing.tables_for_analysis()

    @cached_property
    def _model(self) -> sa.MetaData:
        model = ddl.build_metadata(self.tables, sql.DIALECT, retype=sql.snowflake_type, checks=False)
        ddl.published_windows_table(model, WINDOWS)
        return model

    @cached_property
    def _sessions(self) -> SessionPool:
        return SessionPool(self.settings)

    def schema_fingerprint(self, table: str) -> str:
        """Hash of the DDL, which includes the comments."""
        sql_table = self._model.tables[table]
        return ddl.ddl_fingerprint(
            sql.create_transient_table(sql_table),
            *(statement for _, statement in sql.foreign_key_statements(sql_table)),
        )

    def published_states(self) -> Mapping[str, PublishedState]:
        """State of existing tables by the schema's table of windows; empty where nothing was published yet."""
        with self._sessions.session() as connection:
            present = self._row_counts(connection)
            if WINDOWS not in present:
                return {}
            rows = fetch_rows(connection, f"SELECT table_name, shape, window_name, version FROM {WINDOWS}")
            return publishing.states_from_rows((row for row in rows if row[0] in self.tables), present)

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each table in the schema."""
        with self._sessions.session() as connection:
            for table in tables:
                yield table, RowCount(int(fetch_rows(connection, f"SELECT COUNT(*) FROM {table}")[0][0]))

    def drop_history(self, lake: Lake) -> None:
        """Set the tables' Time Travel retention to 0 days, and drop the tables that a killed run left.

        Snowflake then removes former versions.
        """
        with self._sessions.session() as connection:
            present = self._row_counts(connection)
            for table in (REPLACEMENT + table for table in self.tables):
                if table in present:
                    execute(connection, f"ALTER TABLE {table} SET DATA_RETENTION_TIME_IN_DAYS = 0")
                    execute(connection, f"DROP TABLE {table}")
            for table in self.tables:
                if table in present:
                    execute(connection, f"ALTER TABLE {table} SET DATA_RETENTION_TIME_IN_DAYS = 0")

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Refresh each table in a transaction of its own, referenced tables first."""
        wanted = {refresh.table: refresh for refresh in refreshes}
        with self._sessions.session() as connection:
            present = self._prepare(connection, lake)
            fingerprints = dict(fetch_rows(connection, f"SELECT DISTINCT table_name, shape FROM {WINDOWS}"))
            for table in self.tables:
                if table in wanted:
                    refresh = wanted[table]
                    files = self._fill_staging_table(connection, lake, refresh)
                    if table in present and fingerprints.get(table) == refresh.state.schema_fingerprint:
                        rows = self._replace_rows(connection, refresh)
                    else:
                        rows = self._replace_table(connection, refresh, present)
                        present.add(table)
                    yield PublishResult(refresh, rows, {"files": files})
            for question in questions():
                self._create_view(connection, question, fingerprints.get(question) if question in present else None)

    def _prepare(self, connection: "SnowflakeConnection", lake: Lake) -> set[str]:
        """Create schema, stage and the table of windows where they don't exist; return the names of all tables."""
        condition = sql.schema_condition(self.settings, "catalog_name", "schema_name")
        if not fetch_rows(connection, f"SELECT 1 FROM INFORMATION_SCHEMA.SCHEMATA WHERE {condition}"):
            execute(connection, f"CREATE SCHEMA {self.settings.snowflake_schema}")
        execute(connection, sql.create_stage(lake.uri, self.settings.snowflake_storage_integration))
        present = {*self._row_counts(connection)}
        if WINDOWS not in present:
            execute(connection, sql.create_transient_table(self._model.tables[WINDOWS]))
        return present

    def _row_counts(self, connection: "SnowflakeConnection") -> dict[str, int | None]:
        """0 for each table that is empty, which Snowflake knows without a scan; None for others, and views."""
        condition = sql.schema_condition(self.settings, "table_catalog", "table_schema")
        query = f"SELECT table_name, row_count FROM INFORMATION_SCHEMA.TABLES WHERE {condition}"
        counts = fetch_rows(connection, query)
        return {str(name).lower(): None if rows else rows for name, rows in counts}

    def _fill_staging_table(self, connection: "SnowflakeConnection", lake: Lake, refresh: Refresh) -> int:
        """Copy the refresh's files into a staging table; return their number.

        A file holds a whole month, and spans may be shorter, so the staging table may hold further rows.
        """
        staging = STAGED + refresh.table
        files, expected = refresh.live_files(lake)
        execute(connection, sql.create_staging_table(self._model.tables[refresh.table], staging))
        loaded = sum(
            int(row[3]) for copy in sql.copy_statements(files, staging) for row in fetch_rows(connection, copy)
        )
        if loaded != expected:
            raise TargetError(
                f"snowflake: {refresh.table}: {loaded:,} of {expected:,} rows of the lake's files were loaded, so "
                f"nothing was replaced; check that stage {sql.STAGE} points to {lake.uri}"
            )
        return len(files)

    def _replace_rows(self, connection: "SnowflakeConnection", refresh: Refresh) -> int:
        """Replace the rows of the spans and record the table's state, in one transaction."""
        table = self._model.tables[refresh.table]
        execute(connection, sql.delete_statement(table, refresh.spans))
        rows = execute(connection, sql.insert_statement(table, STAGED + refresh.table, refresh.spans))
        self._record_state(connection, table.name, refresh.state)
        return rows

    def _replace_table(self, connection: "SnowflakeConnection", refresh: Refresh, present: set[str]) -> int:
        """Fill a new table and replace the existing one, if any, by a clone of it that keeps the grants.

        The state is recorded last: after an interruption, the next run replaces the table again.
        """
        table, replacement = self._model.tables[refresh.table], REPLACEMENT + refresh.table
        execute(connection, sql.create_transient_table(table, replacement))
        rows = execute(connection, sql.insert_statement(table, STAGED + refresh.table, None, into=replacement))
        connection.commit()
        execute(connection, f"CREATE OR REPLACE TRANSIENT TABLE {table.name} CLONE {replacement} COPY GRANTS")
        for statement in self._foreign_keys(table.name, present):
            try_execute(connection, statement, ignored=ALREADY_EXISTS)
        self._record_state(connection, table.name, refresh.state)
        execute(connection, f"DROP TABLE {replacement}")
        return rows

    def _create_view(self, connection: "SnowflakeConnection", question: str, before: str | None) -> None:
        """Create the view of a question, unless it has the fingerprint `before`."""
        view = sql.create_view(question)
        fingerprint = ddl.ddl_fingerprint(view)
        # Tables of the view may be missing where only some tables were published.
        if fingerprint != before and try_execute(connection, view, ignored=DOES_NOT_EXIST):
            self._record_state(connection, question, PublishedState(fingerprint, {"view": ""}))

    def _record_state(self, connection: "SnowflakeConnection", name: str, state: PublishedState) -> None:
        """Record the state of a table or view, and commit."""
        for statement in sql.state_statements(WINDOWS, name, state):
            execute(connection, statement)
        connection.commit()

    def _foreign_keys(self, replaced: str, present: set[str]) -> Iterator[str]:
        """Statements that add the foreign keys of and to a replaced table, which are lost with the former table."""
        for table in self.tables:
            for other, statement in sql.foreign_key_statements(self._model.tables[table]):
                if replaced in (table, other) and {table, other} <= present | {replaced}:
                    yield statement
