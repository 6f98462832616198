"""A DuckDB connection to tables of the lake: it reads them and nothing else."""

from collections.abc import Collection, Iterable

import duckdb

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.duckdb_file import SANDBOX


def connect_lake(
    lake: Lake, tables: Iterable[str], *, empty: Collection[str] = (), allow_external: bool = False
) -> duckdb.DuckDBPyConnection:
    """Connect to tables of the lake, as they are now. Those not written yet are empty.

    Tables are Arrow datasets, which DuckDB scans without opening a file itself. So a query needs no access to files,
    neither by statements nor by functions: `SANDBOX` takes that away.

    Args:
        lake: The lake.
        tables: Names of the tables; each takes some milliseconds to open.
        empty: Those of them that are taken for empty without being opened.
        allow_external: Leave access to files, other databases and the network.

    Raises:
        DamagedTableError: A table's log can't be read.
        StorageError: The lake can't be reached.
    """
    # Otherwise a name that is no table is looked for among the variables of Python's callers.
    connection = duckdb.connect(config={"python_enable_replacements": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    for table in tables:
        delta = None if table in empty else lake.open(table)
        connection.register(table, delta.to_pyarrow_dataset() if delta else TABLES[table].arrow_schema.empty_table())
    for setting, value in {} if allow_external else SANDBOX.items():
        connection.execute(f"SET {setting} = {value}")
    return connection
