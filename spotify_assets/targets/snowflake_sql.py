"""SQL in Snowflake's dialect: tables from the model, a stage on the lake, copies of what a Delta log names as live."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler, IdentifierPreparer

from spotify_assets.model import LAYOUT_COLUMN, TABLES
from spotify_assets.settings import Settings
from spotify_assets.storage import is_s3
from spotify_assets.targets.publishing import Held, Span, within
from spotify_assets.targets.questions import questions, title

STAGE = "spotify_assets_lake"
# Snowflake takes no more names in one COPY.
FILES_A_COPY = 1000
# It takes sixteen thousand, and statements of a megabyte.
ROWS_AN_INSERT = 2000


class TimestampNTZ(sa.types.UserDefinedType):
    """Time without a zone, in UTC.

    BI tools take it as a plain time: of one with a zone, Power BI makes another type that its date tables don't
    join, and Tableau drops the zone.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """As in DDL."""
        return "TIMESTAMP_NTZ"


def retyped(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """Text without a length, which would only make loads fail; times without a zone."""
    if isinstance(type_, sa.String):
        return sa.Text()
    return TimestampNTZ() if isinstance(type_, sa.DateTime) else type_


class _Compiler(DDLCompiler):
    """Comments go with the definition: a statement each would be three hundred round trips."""

    def get_column_specification(self, column: sa.Column, **options: Any) -> str:
        return f"{super().get_column_specification(column, **options)} COMMENT {literal(column.comment or '')}"

    def post_create_table(self, table: sa.Table) -> str:
        return f" COMMENT = {literal(table.comment or '')}"


class _Preparer(IdentifierPreparer):
    """Quoted in lower case, a name would be another one; none of the model's is a word that Snowflake reserves."""

    def quote(self, ident: str, force: Any = None) -> str:  # SQLAlchemy 2.0 has the second argument
        return ident


class Dialect(DefaultDialect):
    """As far as DDL goes."""

    name = "snowflake"
    ddl_compiler = _Compiler
    preparer = _Preparer


DIALECT = Dialect()


def literal(text: str) -> str:
    """A string; backslashes escape there."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def here(settings: Settings, catalog: str, schema: str) -> str:
    """A condition on these columns of Snowflake's information schema: the settings' database and schema."""
    database, name = settings.snowflake_database.upper(), settings.snowflake_schema.upper()
    return f"{catalog} = {literal(database)} AND {schema} = {literal(name)}"


def create_transient_table(table: sa.Table, name: str | None = None) -> str:
    """`CREATE TABLE` with its primary key; transient, as everything in it is in the lake, so no fail-safe is paid."""
    sql = str(CreateTable(table, include_foreign_key_constraints=[]).compile(dialect=DIALECT)).strip()
    return sql.replace(f"CREATE TABLE {table.name}", f"CREATE OR REPLACE TRANSIENT TABLE {name or table.name}", 1)


def references(table: sa.Table) -> Iterator[tuple[str, str]]:
    """Each table that it refers to, and the statement that says so: not enforced, but told to BI tools."""
    for column in table.columns:
        for link in column.foreign_keys:
            other = link.column.table.name
            yield (
                other,
                (f"ALTER TABLE {table.name} ADD FOREIGN KEY ({column.name}) REFERENCES {other} ({link.column.name})"),
            )


def stage(lake_uri: str, integration: str) -> str:
    """The external stage on the lake, reached by the account's integration for a bucket."""
    url = lake_uri if is_s3(lake_uri) else Path(lake_uri).as_uri()
    by = f" STORAGE_INTEGRATION = {integration}" if is_s3(lake_uri) else ""
    return f"CREATE OR REPLACE STAGE {STAGE} URL = {literal(f'{url}/')}{by}"


def staging(table: sa.Table, name: str) -> str:
    """A table of this session alone, for rows as they are in the lake's files: without the column of their layout."""
    columns = ", ".join(f"{column.name} {column.type.compile(dialect=DIALECT)}" for column in _in_files(table))
    return f"CREATE OR REPLACE TEMPORARY TABLE {name} ({columns})"


def copies(files: Sequence[str], name: str) -> Iterator[str]:
    """`COPY INTO` the staging table of exactly these files of the stage."""
    for first in range(0, len(files), FILES_A_COPY):
        names = ", ".join(map(literal, files[first : first + FILES_A_COPY]))
        yield (
            # By their logical type, whole seconds are never taken for milliseconds.
            f"COPY INTO {name} FROM @{STAGE} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)"
            f" MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT FORCE = TRUE FILES = ({names})"
        )


def insert(table: sa.Table, source: str, spans: Sequence[Span] | None, into: str | None = None) -> str:
    """From the staging table, those rows that are in the spans, with their month; in order of time.

    In that order a micro-partition is of a few months, and a query for a month reads no other.
    """
    model = table.info["model"]
    window = TABLES[model].window_column
    names = [column.name for column in table.columns]
    values = [f"DATE_TRUNC('MONTH', {window})::DATE" if name == LAYOUT_COLUMN and window else name for name in names]
    where = f" WHERE {within(model, spans)}" if spans is not None else ""
    order = f" ORDER BY {window}" if window else ""
    return (
        f"INSERT INTO {into or table.name} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source}{where}{order}"
    )


def delete(table: sa.Table, spans: Sequence[Span] | None) -> str:
    """All rows, or those of the spans."""
    where = f" WHERE {within(table.info['model'], spans)}" if spans is not None else ""
    return f"DELETE FROM {table.name}{where}"


def notes(windows: str, name: str, held: Held) -> Iterator[str]:
    """Statements by which the table of what is held tells of this one."""
    yield f"DELETE FROM {windows} WHERE table_name = {literal(name)}"
    rows = [
        f"({literal(name)}, {literal(window)}, {literal(version)}, {literal(held.shape)})"
        for window, version in held.windows.items()
    ]
    for first in range(0, len(rows), ROWS_AN_INSERT):
        values = ", ".join(rows[first : first + ROWS_AN_INSERT])
        yield f"INSERT INTO {windows} (table_name, window_name, version, shape) VALUES {values}"


def view(question: str) -> str:
    """The analysis view of that name; who may read it still may."""
    comment = literal(title(question))
    return f"CREATE OR REPLACE VIEW {question} COPY GRANTS COMMENT = {comment} AS {questions()[question]}"


def _in_files(table: sa.Table) -> list[sa.Column]:
    partitioned = TABLES[table.info["model"]].window_column is not None
    return [column for column in table.columns if not (partitioned and column.name == LAYOUT_COLUMN)]
