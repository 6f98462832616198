"""The DuckDB file as dagster-duckdb's resource, for assets that you add."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster_duckdb import DuckDBResource

from spotify_assets.targets.duckdb_file import Warehouse

if TYPE_CHECKING:
    import duckdb


class WarehouseResource(DuckDBResource):
    """The DuckDB file that tables are published to, read-only.

    dagster-duckdb would open the file for writing: other processes could not read it meanwhile, and the next refresh
    would replace the file and lose what an asset wrote. With `access_mode: READ_ONLY` it would wait 102 s for a file
    that does not exist. So `connection_config` is unused.
    """

    @contextmanager
    def get_connection(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A read-only connection, closed on exit.

        Raises:
            FileNotFoundError: Nothing was published yet.
        """
        with Warehouse(path=self.database).connect_read_only() as connection:
            yield connection
