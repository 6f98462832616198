"""An in-memory DuckDB for converting rows."""

from functools import cache

import duckdb


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def duckdb_cursor() -> duckdb.DuckDBPyConnection:
    """A new connection to the process's shared in-memory DuckDB. Starting another instance would take 20 ms."""
    return _duckdb().cursor()
