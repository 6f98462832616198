"""`LakeTable`: a table of the model, with everything derived from its declaration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from spotify_assets.model.columns import DAY, DECLARED, LAYOUTS, layout_column
from spotify_assets.model.declarations import ModelTable

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

# Kinds of partitions: periods of plays, days of playlist snapshots.
PLAYS, SNAPSHOTS = "plays", "snapshots"


@dataclass(frozen=True, eq=False)
class LakeTable:
    """A table of the lake. `TABLES` has one object per table.

    Attributes:
        declared: Its columns, keys and constraints, as the model says.
    """

    declared: ModelTable

    @property
    def sql(self) -> "sa.Table":
        """SQLAlchemy's table; importing SQLAlchemy and making all tables of it takes 0.15 s."""
        return _sql_tables()[self.name]

    @property
    def name(self) -> str:
        """Name of the table, its asset, its transform and its folder."""
        return self.declared.name

    @property
    def layer(self) -> str:
        """`raw`, `cleaned`, `dimensions`, `facts` or `metrics`: folder of the lake and group in Dagster."""
        return self.declared.layer

    @property
    def folder(self) -> str:
        """Path below the lake."""
        return f"{self.layer}/{self.name}"

    @property
    def comment(self) -> str:
        """Description; the first sentence is the grain."""
        return self.declared.comment

    @property
    def landed_folder(self) -> str | None:
        """Folder of the landing zone that a raw table mirrors; None for a computed table."""
        return self.declared.landed

    @property
    def library(self) -> str | None:
        """Distribution whose version its rows depend on, and without which it is empty; None for most tables."""
        return self.declared.library

    @property
    def sorted_by(self) -> str | None:
        """Column by which the embedded engine sorts the rows of a file; None for most tables."""
        return self.declared.sorted_by

    @property
    def window_column(self) -> str | None:
        """Column that decides a row's partition; None for an unpartitioned table."""
        return self.declared.window

    @property
    def window(self) -> str:
        """`window_column` of a partitioned table.

        Raises:
            ValueError: The table is not partitioned.
        """
        if self.window_column is None:
            raise ValueError(f"{self.name} is not partitioned")
        return self.window_column

    @property
    def is_partitioned(self) -> bool:
        """Whether it is written by time windows, and laid out by `layout_column`."""
        return self.window_column is not None

    @property
    def is_partial(self) -> bool:
        """Whether it is a partial aggregate: a partitioned table from which metrics are combined."""
        return self.is_partitioned and self.layer == "metrics"

    @property
    def layout_column(self) -> str:
        """Column by which the files of a partitioned table are laid out: the first day of a row's UTC month or year.

        Raises:
            ValueError: The table is not partitioned.
        """
        if not self.is_partitioned:
            raise ValueError(f"{self.name} is not partitioned")
        return layout_column(self.layer)

    @property
    def layout_period(self) -> str:
        """The period of the files of a partitioned table: `month` or `year`."""
        return LAYOUTS[self.layout_column]

    def layout_start(self, day: date) -> date:
        """Value of `layout_column` in the rows of a day (UTC)."""
        return day.replace(day=1) if self.layout_period == "month" else day.replace(month=1, day=1)

    @cached_property
    def partitioning(self) -> str | None:
        """`PLAYS`, `SNAPSHOTS`, or None for an unpartitioned table."""
        if self.window_column is None:
            return None
        return SNAPSHOTS if self.declared.columns[self.window_column].type == DAY else PLAYS

    @cached_property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return list(self.declared.columns)

    @cached_property
    def primary_key(self) -> list[str]:
        """Column names of the primary key."""
        return [column.name for column in self.declared.columns.values() if column.primary_key]

    @cached_property
    def references(self) -> list[str]:
        """Names of the other tables that its foreign keys reference, sorted."""
        return sorted({table for table, _ in self.foreign_keys.values()} - {self.name})

    @cached_property
    def foreign_keys(self) -> dict[str, tuple[str, str]]:
        """Referenced table and column of each foreign key, by the name of the key's column, sorted."""
        links = {column.name: column.references for column in self.declared.columns.values() if column.references}
        parts = {name: references.partition(".") for name, references in sorted(links.items())}
        return {name: (table, column) for name, (table, _, column) in parts.items()}

    @cached_property
    def check_constraints(self) -> dict[str, str]:
        """SQL of each check constraint by name, sorted."""
        return dict(sorted((check.name, check.sql) for check in self.declared.checks))

    @cached_property
    def accepted_values(self) -> dict[str, tuple[str, ...]]:
        """Accepted values by column, for columns with a list of them."""
        columns = self.declared.columns.values()
        return {column.name: column.info["accepted"] for column in columns if "accepted" in column.info}

    @cached_property
    def required_columns(self) -> list[str]:
        """Names of the columns that are never null."""
        return [column.name for column in self.declared.columns.values() if not column.nullable]

    @cached_property
    def spark_types(self) -> dict[str, str]:
        """Spark SQL type by column."""
        return {column.name: column.type.spark for column in self.declared.columns.values()}

    @cached_property
    def arrow_schema(self) -> "pa.Schema":
        """Arrow schema, also used for the Delta table. Times are in microseconds, UTC.

        All columns are nullable, and a blocking check finds unexpected nulls instead: Sail tests NOT NULL before it
        applies filters, and so fails correct writes.
        """
        import pyarrow as pa

        types = {
            "string": pa.string(),
            "bigint": pa.int64(),
            "int": pa.int32(),
            "double": pa.float64(),
            "boolean": pa.bool_(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us", "UTC"),
            "array<string>": pa.list_(pa.string()),
        }
        return pa.schema([pa.field(name, types[type_]) for name, type_ in self.spark_types.items()])

    def __str__(self) -> str:
        return self.name


@cache
def _sql_tables() -> "dict[str, sa.Table]":
    from spotify_assets.model.sql import sql_tables

    return sql_tables(DECLARED.values())


def upstream_first(upstreams: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Tables in an order in which each comes after its upstream tables; the same for the same mapping.

    Args:
        upstreams: Of each table, what comes before it; others than the mapping's own tables are passed over.

    Raises:
        graphlib.CycleError: where tables depend on each other in a circle.
    """
    graph = {table: [one for one in before if one in upstreams] for table, before in upstreams.items()}
    return tuple(TopologicalSorter(graph).static_order())
