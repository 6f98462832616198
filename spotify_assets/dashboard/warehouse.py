"""The DuckDB warehouse as pages read it: opened read-only for each request, without access to anything else.

What opens it imports Arrow, pandas and SQLAlchemy, which takes longer than everything else at the start of the server.
So that is imported by the first request, or meanwhile by `warm_up`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module

import duckdb

from spotify_assets.dashboard.filters import Listener
from spotify_assets.dashboard.queries import Query
from spotify_assets.settings import Settings

STALE_AFTER = timedelta(days=30)
LISTENERS = Query(
    """
    SELECT l.listener, l.timezone, l.first_date, l.last_date
    FROM dim_listener l JOIN period_listening p ON p.listener = l.listener AND p.period_type = 'all'
    WHERE l.first_date IS NOT NULL ORDER BY p.ms_played DESC, l.listener
    """,
    {},
)


@dataclass(frozen=True)
class WarehouseFile:
    """The warehouse of some settings.

    Attributes:
        settings: Where the file and the lake are.
    """

    settings: Settings

    @staticmethod
    def warm_up() -> None:
        """Import in the background what the first page needs."""

        def import_all() -> None:
            for module in ("spotify_assets.targets.duckdb_file", "spotify_assets.refresh.sync_log", "altair"):
                import_module(module)

        threading.Thread(target=import_all, daemon=True).start()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection for one request. A refresh meanwhile replaces the file, and disturbs neither.

        Raises:
            FileNotFoundError: Nothing was published yet.
            duckdb.Error: The file can't be read.
        """
        from spotify_assets.targets.duckdb_file import Warehouse
        from spotify_assets.targets.lake_reader import SANDBOX

        # A name that is no table is not to be looked for among the variables of Python's callers.
        config = SANDBOX | {"python_enable_replacements": "false"}
        with Warehouse(self.settings.warehouse).connect_read_only(config) as connection:
            yield connection

    def sync_notice(self) -> str:
        """What went wrong in the last sync, that it is under way, or how old the data is; empty if all is well."""
        from spotify_assets.refresh.sync_log import SyncLog
        from spotify_assets.storage import StorageError

        try:
            last = SyncLog(self.settings.lake_uri).last()
        except (OSError, StorageError):
            return ""
        if last is None:
            return ""
        if last.outcome == "succeeded":
            age = datetime.now(UTC) - last.started_at
            return f"The last sync was {age.days} days ago: `spotify-assets sync` brings what is new." * (
                age > STALE_AFTER
            )
        if last.is_running:
            return "A sync is under way; these pages show the data from before it until it has ended."
        return (
            f"The last sync did not succeed: {last}. What you see is older. `spotify-assets sync` goes on where "
            "it was."
        )


def listeners_in(connection: duckdb.DuckDBPyConnection) -> dict[str, Listener]:
    """Listeners with plays by name, those with most listening time first. Empty where tables are missing."""
    try:
        found = LISTENERS.run(connection)
    except duckdb.CatalogException:
        return {}
    return {
        row["listener"]: Listener(row["listener"], row["timezone"], row["first_date"], row["last_date"])
        for row in found
    }


def missing_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of the model that the file lacks, as one of a former version does until the next sync."""
    from spotify_assets.model import TABLES

    found = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    return sorted(TABLES.keys() - found)
