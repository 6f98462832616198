"""Queries of checks: SQL over the run's rows, by DuckDB in this process, or by the engine if that is elsewhere.

DuckDB plans a query in milliseconds, where Sail takes a tenth of a second, and more for many columns; of a small
lake's checks, planning was nearly all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import dagster as dg

from spotify_assets.defs.checks.window import run_window
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.lake.tables import Lake
from spotify_assets.lazy import lazy_module
from spotify_assets.model import TABLES
from spotify_assets.targets.lake_reader import FILE_SETTINGS, connect_lake
from spotify_assets.windows import TimeWindow, window_predicate

if TYPE_CHECKING:
    import duckdb

    from spotify_assets.refresh.frames import LakeFrames
else:
    duckdb = lazy_module("duckdb")

# By table; None for all rows.
Windows = Mapping[str, TimeWindow | None]


class Queries(Protocol):
    """Runs SQL over some tables of the lake.

    Attributes:
        quote: What stands around a column's name.
        hash64: Function that hashes its arguments to 64 bits.
    """

    quote: ClassVar[str]
    hash64: ClassVar[str]

    def rows(self, table: str) -> str:
        """The table's rows in its window, as what follows FROM."""
        ...

    def ask(self, query: str) -> Sequence[tuple[Any, ...]]:
        """The rows of a query's result."""
        ...


def run_queries(tables: Sequence[str], context: dg.AssetCheckExecutionContext, manager: DeltaLakeIOManager) -> Queries:
    """Queries of these tables: of the run's partitions, or of all rows of a table of which the run has none.

    Raises:
        DamagedTableError: A table can't be read.
    """
    windows = {table: run_window(table, context, manager) for table in tables}
    if manager.settings.spark_remote:
        return EngineQueries(manager.frames, windows)
    return DuckDBQueries(manager.lake, windows)


@dataclass(frozen=True)
class EngineQueries:
    """Queries by the engine that computes the tables."""

    quote: ClassVar[str] = "`"
    hash64: ClassVar[str] = "xxhash64"

    frames: "LakeFrames"
    windows: Windows

    def rows(self, table: str) -> str:
        return _within(self.frames.view(table), table, self.windows[table])

    def ask(self, query: str) -> Sequence[tuple[Any, ...]]:
        return self.frames.session().sql(query).collect()


class DuckDBQueries:
    """Queries by DuckDB of the tables' current files."""

    quote: ClassVar[str] = '"'
    hash64: ClassVar[str] = "hash"

    def __init__(self, lake: Lake, windows: Windows) -> None:
        self._lake = lake
        self._windows = windows
        self._connection = connect_lake(
            lake,
            windows,
            allow_external=True,
            connection=_database().cursor(),
            from_copies=True,
            is_recent_enough=True,
        )

    def rows(self, table: str) -> str:
        return _within(table, table, self._windows[table])

    def ask(self, query: str) -> Sequence[tuple[Any, ...]]:
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error:
            self._lake.raise_if_unreadable(self._windows)
            raise


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    """The process's database for checks: each step has a connection of its own, and views that no other sees."""
    return duckdb.connect(config=FILE_SETTINGS)


def _within(relation: str, table: str, window: TimeWindow | None) -> str:
    if window is None:
        return relation
    # DuckDB passes over files of other periods by their paths; for their statistics, it would have to open them.
    model = TABLES[table]
    files = f"{model.layout_column} <= DATE '{window.end:%Y-%m-%d}'"
    if not window.is_first:
        files += f" AND {model.layout_column} >= DATE '{model.layout_start(window.start.date())}'"
    return f"(SELECT * FROM {relation} WHERE {window_predicate(model, window)} AND {files})"
