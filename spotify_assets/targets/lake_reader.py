"""A DuckDB connection to tables of the lake: it reads them and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from spotify_assets.lake.copies import live_files
from spotify_assets.lake.damage import translate_log_errors
from spotify_assets.lake.tables import Lake
from spotify_assets.lazy import lazy_module
from spotify_assets.model import TABLES, LakeTable
from spotify_assets.storage import is_s3

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable
else:
    duckdb = lazy_module("duckdb")

# Settings with which a query reads what DuckDB has open and nothing else, and can't change that.
SANDBOX = {"enable_external_access": "false", "lock_configuration": "true"}
# Settings of a database that reads files of the lake.
FILE_SETTINGS: dict[str, Any] = {
    # Otherwise it keeps what it has read: hundreds of megabytes, once all tables were read.
    "enable_external_file_cache": "false",
    # Otherwise a name that is no table is looked for among the variables of Python's callers.
    "python_enable_replacements": "false",
}
# DuckDB's names of the types of `LakeTable.spark_types` where they differ.
DUCKDB_TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "array<string>": "VARCHAR[]"}


def connect_lake(
    lake: Lake,
    tables: Iterable[str],
    *,
    empty: Collection[str] = (),
    allow_external: bool = False,
    connection: duckdb.DuckDBPyConnection | None = None,
    from_copies: bool = False,
    is_recent_enough: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Connect to tables of the lake, as they are now. Those not written yet are empty.

    A table on disk is a view of its current Parquet files, by their names. So DuckDB passes over months and row groups
    that a query excludes, and PyArrow, which imports pandas, is not imported: 0.4 s. `SANDBOX` takes every other file
    away from queries, by statements as well as by functions. In S3, which DuckDB reads only with an extension to
    download, and where another program changed columns or named files in its own way, a table is an Arrow dataset.

    Args:
        lake: The lake.
        tables: Names of the tables; each takes some milliseconds to open.
        empty: Those of them that are taken for empty without being opened.
        allow_external: Leave access to files, other databases and the network.
        connection: To use instead of one to a new database, which takes 20 ms. Without `allow_external`, nothing else
            may use its database, to which the settings apply.
        from_copies: Read tables in S3 from copies on this machine, where these are small enough. That pays where most
            of a table is read, or is read again.
        is_recent_enough: Read tables that were opened before as `Lake.recent` has them.

    Raises:
        DamagedTableError: A table's log, or the first of its files, can't be read, or another program gave the table
            features that `deltalake` can't read.
        StorageError: The lake can't be reached.
    """
    connection = connection or duckdb.connect(config=FILE_SETTINGS)
    connection.execute("SET TimeZone = 'UTC'")
    readable: list[str] = []
    opened = lake.recent if is_recent_enough else lake.open
    for table, delta in lake.for_each(tables, lambda table: None if table in empty else opened(table)).items():
        if delta is None or not delta.file_uris():
            connection.execute(f"CREATE TEMP VIEW {table} AS {_no_rows(TABLES[table].spark_types)}")
        elif files := parquet_files(lake, delta, TABLES[table]) if from_copies or not is_s3(lake.uri) else None:
            readable += files
            names = ", ".join(f'"{name}"' for name in TABLES[table].columns)
            scan = parquet_scan(files, TABLES[table])
            try:
                connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {names} FROM {scan}")
            except duckdb.Error:
                lake.raise_if_unreadable([table])
                raise
        else:
            with translate_log_errors(table):
                connection.register(table, delta.to_pyarrow_dataset())
    if not allow_external:
        connection.execute(f"SET allowed_paths = {sql_list(readable)}")
        for setting, value in SANDBOX.items():
            connection.execute(f"SET {setting} = {value}")
    return connection


def _no_rows(types: dict[str, str]) -> str:
    columns = ", ".join(f'NULL::{DUCKDB_TYPES.get(type_, type_)} AS "{name}"' for name, type_ in types.items())
    return f"SELECT {columns} WHERE false"


def parquet_files(lake: Lake, delta: DeltaTable, model: LakeTable) -> list[str] | None:
    """Paths of a table's files; None if it has none, or if DuckDB would not read them as the log describes them.

    Files don't hold the partition column: DuckDB takes it from the path, as `month=2024-01-01`. A column that some
    files lack, as after another program added it, would be an error. Features beyond reader version 1, such as
    deletion vectors, change what a file's rows are; `deltalake` refuses those that it can't read.
    """
    if delta.protocol().min_reader_version != 1:
        return None
    partitions = [model.layout_column] if model.is_partitioned else []
    if [field.name for field in delta.schema().fields] != model.columns:
        return None
    if delta.metadata().partition_columns != partitions:
        return None
    for layout in partitions:
        actions = delta.get_add_actions(flatten=True)
        paths, starts = actions["path"].to_pylist(), actions[f"partition.{layout}"].to_pylist()
        if not all(path.startswith(f"{layout}={start}/") for path, start in zip(paths, starts, strict=True)):
            return None
    if is_s3(lake.uri):
        return lake.local_files(live_files(lake.folder(model.name), delta)) or None
    return delta.file_uris() or None


def parquet_scan(files: Iterable[str], model: LakeTable) -> str:
    """DuckDB's scan of Parquet files of a table, which have the same columns."""
    options = ""
    if model.is_partitioned:
        options = f", hive_partitioning = true, hive_types = {{'{model.layout_column}': DATE}}"
    return f"read_parquet({sql_list(files)}{options})"


def sql_list(texts: Iterable[str]) -> str:
    """A list of texts as SQL. As a parameter, DuckDB would look for pandas, and so import it."""
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"
