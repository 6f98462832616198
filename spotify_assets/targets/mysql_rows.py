"""Rows on their way into MySQL: as files that LOAD DATA reads, or, where the server takes none, as INSERTs."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.targets.publishing import Refresh

# The server, or this side, allows no files from here.
NO_LOCAL_INFILE = (1148, 3948, 4166)


class LoadError(Exception):
    """The server took rows otherwise than they were sent."""


def load(connection: sa.Connection, lake: Lake, refresh: Refresh, into: str, batch_rows: int) -> int:
    """Load the rows of a refresh into a table, so many at once; tell how many there were.

    Raises:
        LoadError: where the server changed or left out a row.
    """
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        for batch in _batches(refresh, lake, batch_rows):
            try:
                taken = load_file(connection, as_csv(batch, Path(folder, "rows.csv")), into, batch.column_names)
                if taken != batch.num_rows:
                    raise LoadError(f"{refresh.table}: {taken:,} of {batch.num_rows:,} rows were taken")
            except sa.exc.DBAPIError as error:
                if code_of(error) not in NO_LOCAL_INFILE:
                    raise
                _insert(connection, into, batch)
            rows += batch.num_rows
    return rows


def _batches(refresh: Refresh, lake: Lake, rows: int) -> Iterator[pa.Table]:
    """The refresh's rows as tables of so many rows at most, in the order in which InnoDB keeps them."""
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


def as_csv(batch: pa.Table, path: Path) -> Path:
    """The rows in a file as LOAD DATA reads it: all in quotes but NULL, times in UTC, flags as 0 and 1."""
    shown = []
    for field in batch.schema:
        value = f'"{field.name}"'
        if pa.types.is_timestamp(field.type):
            value = f"{value} AT TIME ZONE 'UTC'"
        elif pa.types.is_boolean(field.type):
            value = f"CAST({value} AS TINYINT)"
        shown.append(f'{value} AS "{field.name}"')
    with duckdb_cursor() as connection:
        connection.register("batch", batch)
        connection.execute(
            f"COPY (SELECT {', '.join(shown)} FROM batch) TO '{path}' "
            "(FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR 'NULL')"
        )
    return path


def load_file(connection: sa.Connection, path: Path, into: str, columns: Sequence[str]) -> int:
    """Load a file; tell how many rows were taken.

    LOAD DATA LOCAL makes warnings of errors, and goes on: here they are errors again.

    Raises:
        LoadError: where the server warns of anything.
    """
    taken = connection.exec_driver_sql(
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{into}` CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
        f"OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' "
        f"({', '.join(f'`{name}`' for name in columns)})"
    ).rowcount
    for _, _, warning in connection.exec_driver_sql("SHOW WARNINGS"):
        raise LoadError(f"{into.lstrip('_').removeprefix('new_').removeprefix('staged_')}: {warning}")
    return int(taken)


def _insert(connection: sa.Connection, into: str, batch: pa.Table) -> None:
    """Where the server takes no files."""
    there = sa.table(into, *map(sa.column, batch.column_names))
    rows = [
        {name: value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for name, value in row.items()}
        for row in batch.to_pylist()
    ]
    connection.execute(sa.insert(there), rows)


def code_of(error: BaseException) -> int:
    """The server's number of an error; 0 where it has none."""
    arguments = getattr(error, "orig", error).args
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
