"""SQL in Snowflake's dialect: DDL of the model's tables, the stage on the lake, COPY, INSERT and DELETE."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler, IdentifierPreparer

from spotify_assets.model import TABLES
from spotify_assets.settings import Settings
from spotify_assets.storage import is_s3
from spotify_assets.targets.publishing import PublishedState, Span, spans_predicate
from spotify_assets.targets.questions import questions, title

STAGE = "spotify_assets_lake"
# Snowflake's limit of files in one COPY.
MAX_FILES_PER_COPY = 1000
# Snowflake's limits are 16,384 rows and 1 MB a statement.
MAX_ROWS_PER_INSERT = 2000


class TimestampNTZ(sa.types.UserDefinedType):
    """Timestamp without time zone, in UTC.

    BI tools handle it best: Power BI maps timestamps with a zone to a type that its date tables can't join, and
    Tableau drops the zone.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name of the type in DDL."""
        return "TIMESTAMP_NTZ"


class Array(sa.types.UserDefinedType):
    """A list: `COPY` loads one of a Parquet file into it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name of the type in DDL."""
        return "ARRAY"


def snowflake_type(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """Map the model's types: text without a length (a limit would only make loads fail), times without a zone."""
    if isinstance(type_, sa.ARRAY):
        return Array()
    if isinstance(type_, sa.String):
        return sa.Text()
    return TimestampNTZ() if isinstance(type_, sa.DateTime) else type_


class _Compiler(DDLCompiler):
    """Writes comments inline: separate statements would take 300 round trips."""

    def get_column_specification(self, column: sa.Column, **options: Any) -> str:
        return f"{super().get_column_specification(column, **options)} COMMENT {string_literal(column.comment or '')}"

    def post_create_table(self, table: sa.Table) -> str:
        return f" COMMENT = {string_literal(table.comment or '')}"


# https://docs.snowflake.com/en/sql-reference/reserved-keywords, and END, which most other engines reserve.
RESERVED_WORDS = frozenset(
    """
    account all alter and any as between by case cast check column connect connection constraint create cross current
    current_date current_time current_timestamp current_user database delete distinct drop else end exists false
    following for from full grant group gscluster having ilike in increment inner insert intersect into is issue join
    lateral left like localtime localtimestamp minus natural not null of on or order organization qualify regexp revoke
    right rlike row rows sample schema select set some start table tablesample then to trigger true try_cast union
    unique update using values view when whenever where with
    """.split()
)


def column_name(name: str) -> str:
    """The name, quoted where Snowflake reserves it: in upper case, as it stores the names that aren't quoted."""
    return f'"{name.upper()}"' if name in RESERVED_WORDS else name


class _Preparer(IdentifierPreparer):
    """Quotes reserved words only: quoted names are case-sensitive in Snowflake."""

    def quote(self, ident: str, force: Any = None) -> str:  # SQLAlchemy 2.0 has the second argument
        return column_name(ident)


class Dialect(DefaultDialect):
    """SQLAlchemy dialect of Snowflake's DDL."""

    name = "snowflake"
    ddl_compiler = _Compiler
    preparer = _Preparer


DIALECT = Dialect()


def string_literal(text: str) -> str:
    """A string literal; Snowflake reads backslashes in it as escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def schema_condition(settings: Settings, catalog: str, schema: str) -> str:
    """SQL condition of the settings' database and schema, on these columns of Snowflake's information schema."""
    database, name = settings.snowflake_database.upper(), settings.snowflake_schema.upper()
    return f"{catalog} = {string_literal(database)} AND {schema} = {string_literal(name)}"


def create_transient_table(table: sa.Table, name: str | None = None) -> str:
    """`CREATE TABLE` with primary key; transient, as the lake holds all rows and Fail-safe storage would cost."""
    sql = str(CreateTable(table, include_foreign_key_constraints=[]).compile(dialect=DIALECT)).strip()
    return sql.replace(f"CREATE TABLE {table.name}", f"CREATE OR REPLACE TRANSIENT TABLE {name or table.name}", 1)


def foreign_key_statements(table: sa.Table) -> Iterator[tuple[str, str]]:
    """Each referenced table with the `ALTER TABLE` that adds the foreign key; not enforced, read by BI tools."""
    for column in table.columns:
        for link in column.foreign_keys:
            other = link.column.table.name
            yield (
                other,
                (f"ALTER TABLE {table.name} ADD FOREIGN KEY ({column.name}) REFERENCES {other} ({link.column.name})"),
            )


def create_stage(lake_uri: str, integration: str) -> str:
    """`CREATE STAGE` on the lake; a bucket is accessed through the account's storage integration."""
    url = lake_uri if is_s3(lake_uri) else Path(lake_uri).as_uri()
    by = f" STORAGE_INTEGRATION = {integration}" if is_s3(lake_uri) else ""
    return f"CREATE OR REPLACE STAGE {STAGE} URL = {string_literal(f'{url}/')}{by}"


def create_staging_table(table: sa.Table, name: str) -> str:
    """`CREATE TABLE` of a temporary staging table with the columns in the lake's files (no partition column)."""
    columns = ", ".join(
        f"{column_name(column.name)} {column.type.compile(dialect=DIALECT)}" for column in _file_columns(table)
    )
    return f"CREATE OR REPLACE TEMPORARY TABLE {name} ({columns})"


def copy_statements(files: Sequence[str], name: str) -> Iterator[str]:
    """`COPY INTO` statements that load exactly these files of the stage into the staging table."""
    for first in range(0, len(files), MAX_FILES_PER_COPY):
        names = ", ".join(map(string_literal, files[first : first + MAX_FILES_PER_COPY]))
        yield (
            # By logical type: otherwise whole seconds may be read as milliseconds.
            f"COPY INTO {name} FROM @{STAGE} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)"
            f" MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT FORCE = TRUE FILES = ({names})"
        )


def insert_statement(table: sa.Table, source: str, spans: Sequence[Span] | None, into: str | None = None) -> str:
    """`INSERT` of the staging table's rows in the spans (None: all), with their month, sorted by time.

    Sorted, a micro-partition covers few months, so that a query of a month can prune the others.
    """
    model = table.info["model"]
    window = TABLES[model].window_column
    names = [column_name(column.name) for column in table.columns]
    values = names
    if window:
        layout, period = TABLES[model].layout_column, TABLES[model].layout_period.upper()
        values = [f"DATE_TRUNC('{period}', {window})::DATE" if name == layout else name for name in names]
    where = f" WHERE {spans_predicate(model, spans)}" if spans is not None else ""
    order = f" ORDER BY {window}" if window else ""
    return (
        f"INSERT INTO {into or table.name} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source}{where}{order}"
    )


def delete_statement(table: sa.Table, spans: Sequence[Span] | None) -> str:
    """`DELETE` of the rows of the spans; None for all rows."""
    where = f" WHERE {spans_predicate(table.info['model'], spans)}" if spans is not None else ""
    return f"DELETE FROM {table.name}{where}"


def state_statements(windows: str, name: str, state: PublishedState) -> Iterator[str]:
    """Statements that record the state of a table in the table of windows."""
    yield f"DELETE FROM {windows} WHERE table_name = {string_literal(name)}"
    rows = [
        f"({', '.join(map(string_literal, (name, window, version, state.schema_fingerprint)))})"
        for window, version in state.windows.items()
    ]
    for first in range(0, len(rows), MAX_ROWS_PER_INSERT):
        values = ", ".join(rows[first : first + MAX_ROWS_PER_INSERT])
        yield f"INSERT INTO {windows} (table_name, window_name, version, shape) VALUES {values}"


def create_view(question: str) -> str:
    """`CREATE VIEW` of a question; existing grants are kept."""
    comment = string_literal(title(question))
    return f"CREATE OR REPLACE VIEW {question} COPY GRANTS COMMENT = {comment} AS {questions()[question]}"


def _file_columns(table: sa.Table) -> list[sa.Column]:
    model = TABLES[table.info["model"]]
    return [column for column in table.columns if not (model.is_partitioned and column.name == model.layout_column)]
