"""The DuckDB warehouse as pages read it: opened read-only for each request, without access to anything else.

What opens it imports Arrow, pandas and SQLAlchemy, which takes longer than everything else at the start of the server.
So that is imported by the first request, or meanwhile by `warm_up`.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import duckdb

from spotify_assets.dashboard.filters import Listener
from spotify_assets.dashboard.queries import Query
from spotify_assets.settings import Settings

STALE_AFTER = timedelta(days=30)
# As long as a reader looks at a page. DuckDB's shell, which opens files for writing, has to wait for the end of it.
KEPT_SECONDS = 20.0
LISTENERS = Query(
    """
    SELECT l.listener, l.timezone, l.first_date, l.last_date
    FROM dim_listener l JOIN period_listening p ON p.listener = l.listener AND p.period_type = 'all'
    WHERE l.first_date IS NOT NULL ORDER BY p.ms_played DESC, l.listener
    """,
    {},
)


class KeptDatabase:
    """Keeps the file open between requests.

    To open it takes 65 ms with a million plays, and DuckDB keeps in memory what it has read of an open file. It is
    closed once it was replaced, and after `KEPT_SECONDS` without a request. Within a process, DuckDB opens a path that
    is still open as the file that it was; so a file is kept only where no other request was under way when it was
    opened. On Windows, where an open file can't be replaced, nothing is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._version: tuple[int, ...] = ()
        self._requests = 0
        self._timer: threading.Timer | None = None

    @contextmanager
    def connect(self, path: str, lake_uri: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one request; see `WarehouseFile.connect`."""
        from spotify_assets.targets.duckdb_file import Warehouse, open_read_only

        with ExitStack() as stack:
            with self._lock:
                self._requests += 1
                stack.callback(self._end)
                version = _file_version(path)
                if version != self._version:
                    self._release()
                connection = stack.enter_context(Warehouse(path).connect_read_only(lake_uri))
                if self._kept is None and self._requests == 1 and os.name != "nt":
                    # Where another process has it open for writing, the request reads a copy, which isn't kept.
                    with suppress(duckdb.IOException):
                        self._kept = open_read_only(path, lake_uri)
                        self._version = version
            yield connection

    def _end(self) -> None:
        with self._lock:
            self._requests -= 1
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(KEPT_SECONDS, self._close_unused)
            self._timer.daemon = True
            self._timer.start()

    def _close_unused(self) -> None:
        with self._lock:
            if not self._requests:
                self._release()

    def _release(self) -> None:
        if self._kept:
            self._kept.close()
        self._kept, self._version = None, ()


def _file_version(path: str) -> tuple[int, ...]:
    """What differs between a file and the one that replaces it; empty where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(frozen=True)
class WarehouseFile:
    """The warehouse of some settings.

    Attributes:
        settings: Where the file and the lake are.
        database: The file, where a request has it open, or had it a moment ago.
    """

    settings: Settings
    database: KeptDatabase = field(default_factory=KeptDatabase, compare=False, repr=False)

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
        with self.database.connect(self.settings.warehouse, self.settings.lake_uri) as connection:
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

    query = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()"
    found = {name for (name,) in connection.execute(query).fetchall()}
    return sorted(TABLES.keys() - found)
