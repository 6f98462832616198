"""The DuckDB file as dagster-duckdb's resource, for assets of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster_duckdb import DuckDBResource

from spotify_assets.targets.duckdb_file import Warehouse

if TYPE_CHECKING:
    import duckdb


class WarehouseResource(DuckDBResource):
    """The DuckDB file that tables are published to, for reading.

    dagster-duckdb opens files for writing. What an asset would write there is lost when the next refresh renames a new
    file over it, other processes couldn't read meanwhile, and a file that isn't there yet would be waited for (102 s
    with `access_mode: READ_ONLY`). So `connection_config` is unused.
    """

    @contextmanager
    def get_connection(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection that reads; it is closed at the end.

        Raises:
            FileNotFoundError: where nothing was published yet.
        """
        with Warehouse(path=self.database).connect_read_only() as connection:
            yield connection
