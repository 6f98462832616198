"""Bulk loading into MySQL: LOAD DATA LOCAL from CSV files, or INSERTs where the server forbids it."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.targets.publishing import Refresh

# Error codes where the server or the client forbids LOAD DATA LOCAL.
NO_LOCAL_INFILE = (1148, 3948, 4166)


class LoadError(Exception):
    """The server changed or skipped rows."""


def load_rows(connection: sa.Connection, lake: Lake, refresh: Refresh, into: str, batch_rows: int) -> int:
    """Load the rows of a refresh into a table, in batches of `batch_rows`; return their number.

    Raises:
        LoadError: where the server changed or skipped a row.
    """
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        for batch in _batches(refresh, lake, batch_rows):
            try:
                loaded = load_csv(connection, write_csv(batch, Path(folder, "rows.csv")), into, batch.column_names)
                if loaded != batch.num_rows:
                    raise LoadError(f"{refresh.table}: {loaded:,} of {batch.num_rows:,} rows were taken")
            except sa.exc.DBAPIError as error:
                if error_code(error) not in NO_LOCAL_INFILE:
                    raise
                _insert(connection, into, batch)
            rows += batch.num_rows
    return rows


def _batches(refresh: Refresh, lake: Lake, rows: int) -> Iterator[pa.Table]:
    """The refresh's rows in batches of at most `rows`, sorted by primary key, as InnoDB stores them."""
    columns, keys = (
        ", ".join(f'"{name}"' for name in names)
        for names in (TABLES[refresh.table].columns, TABLES[refresh.table].primary_key)
    )
    with duckdb_cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("lake_rows", refresh.rows(lake))
        ordered = connection.execute(f"SELECT {columns} FROM lake_rows ORDER BY {keys}").to_arrow_reader(rows)
        for batch in ordered:
            yield pa.Table.from_batches([batch])


def _select_values(schema: pa.Schema) -> str:
    """A DuckDB query of the rows of `batch` as MySQL takes them: times in UTC, booleans as 0 and 1, lists as JSON."""
    expressions = []
    for field in schema:
        value = f'"{field.name}"'
        if pa.types.is_timestamp(field.type):
            value = f"{value} AT TIME ZONE 'UTC'"
        elif pa.types.is_boolean(field.type):
            value = f"CAST({value} AS TINYINT)"
        elif pa.types.is_list(field.type):
            value = f"CAST(to_json({value}) AS VARCHAR)"
        expressions.append(f'{value} AS "{field.name}"')
    return f"SELECT {', '.join(expressions)} FROM batch"


def write_csv(batch: pa.Table, path: Path) -> Path:
    """Write the rows as CSV for LOAD DATA: all values but NULL are quoted."""
    with duckdb_cursor() as connection:
        connection.register("batch", batch)
        connection.execute(
            f"COPY ({_select_values(batch.schema)}) TO '{path}' "
            "(FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR 'NULL')"
        )
    return path


def load_csv(connection: sa.Connection, path: Path, into: str, columns: Sequence[str]) -> int:
    """Load a CSV file by LOAD DATA LOCAL; return the number of rows loaded.

    LOAD DATA LOCAL reports errors of rows as warnings only, so every warning is raised.

    Raises:
        LoadError: at any warning of the server.
    """
    loaded = connection.exec_driver_sql(
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{into}` CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
        f"OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' "
        f"({', '.join(f'`{name}`' for name in columns)})"
    ).rowcount
    for _, _, warning in connection.exec_driver_sql("SHOW WARNINGS"):
        raise LoadError(f"{into.lstrip('_').removeprefix('new_').removeprefix('staged_')}: {warning}")
    return int(loaded)


def _insert(connection: sa.Connection, into: str, batch: pa.Table) -> None:
    """Insert the rows by INSERT, where the server forbids LOAD DATA LOCAL."""
    with duckdb_cursor() as converter:
        converter.register("batch", batch)
        rows = converter.execute(_select_values(batch.schema)).to_arrow_table().to_pylist()
    connection.execute(sa.insert(sa.table(into, *map(sa.column, batch.column_names))), rows)


def error_code(error: BaseException) -> int:
    """MySQL's error code of an exception; 0 where it has none."""
    arguments = getattr(error, "orig", error).args
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
