"""A table of the lake, resolved: what the model says of it, and what follows from that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    import pyarrow as pa

# The first day of the UTC month of a row: the column that partitioned tables are laid out by.
LAYOUT_COLUMN = "month"

# Kinds of partitions: periods of plays, days of playlist snapshots.
PLAYS, SNAPSHOTS = "plays", "snapshots"

SPARK_TYPES: dict[type, str] = {
    sa.String: "string",
    sa.Text: "string",
    sa.BigInteger: "bigint",
    sa.Integer: "int",
    sa.Double: "double",
    sa.Boolean: "boolean",
    sa.Date: "date",
    sa.DateTime: "timestamp",
    sa.ARRAY: "array<string>",
}


@dataclass(frozen=True, eq=False)
class LakeTable:
    """A table of the lake. There is one object for each, in `TABLES`.

    Attributes:
        sql: Its columns, keys and constraints, in SQLAlchemy's terms.
    """

    sql: sa.Table

    @property
    def name(self) -> str:
        """Name of the table, its asset, its transform and its folder."""
        return self.sql.name

    @property
    def layer(self) -> str:
        """`raw`, `cleaned`, `dimensions`, `facts` or `metrics`: its folder in the lake and its group in Dagster."""
        return str(self.sql.info["layer"])

    @property
    def folder(self) -> str:
        """Its folder below the lake."""
        return f"{self.layer}/{self.name}"

    @property
    def comment(self) -> str:
        """Its grain, and what it is for."""
        return str(self.sql.comment)

    @property
    def landed_folder(self) -> str | None:
        """Folder of the landing zone that it mirrors; None for a computed table."""
        folder: str | None = self.sql.info["landed"]
        return folder

    @property
    def window_column(self) -> str | None:
        """Column whose time decides the partition of a row; None for an unpartitioned table."""
        column: str | None = self.sql.info["window"]
        return column

    @property
    def window(self) -> str:
        """The same, for a table that is known to be partitioned.

        Raises:
            ValueError: where it isn't.
        """
        if self.window_column is None:
            raise ValueError(f"{self.name} is not partitioned")
        return self.window_column

    @property
    def is_partitioned(self) -> bool:
        """Whether it is written by windows of time, and laid out by `LAYOUT_COLUMN`."""
        return self.window_column is not None

    @cached_property
    def partitioning(self) -> str | None:
        """`PLAYS`, `SNAPSHOTS`, or None for an unpartitioned table."""
        if self.window_column is None:
            return None
        return SNAPSHOTS if isinstance(self.sql.columns[self.window_column].type, sa.Date) else PLAYS

    @cached_property
    def columns(self) -> list[str]:
        """Names of its columns, in order."""
        return [column.name for column in self.sql.columns]

    @cached_property
    def primary_key(self) -> list[str]:
        """Names of the columns of its primary key."""
        return [column.name for column in self.sql.primary_key]

    @cached_property
    def references(self) -> list[str]:
        """Names of other tables that a foreign key of it points to."""
        targets = {link.column.table.name for link in self.sql.foreign_keys}
        return sorted(targets - {self.name})

    @cached_property
    def foreign_keys(self) -> dict[str, tuple[str, str]]:
        """The table and column that each foreign key points to, by its own column, in order of name."""
        links = sorted(self.sql.foreign_keys, key=lambda link: link.parent.name)
        return {link.parent.name: (link.column.table.name, link.column.name) for link in links}

    @cached_property
    def check_constraints(self) -> dict[str, str]:
        """SQL of each check constraint by its name, in order of name: SQLAlchemy keeps them in a set."""
        checks = [one for one in self.sql.constraints if isinstance(one, sa.CheckConstraint)]
        return dict(sorted((str(check.name), str(check.sqltext)) for check in checks))

    @cached_property
    def accepted_values(self) -> dict[str, tuple[str, ...]]:
        """Accepted values of each column that has such a list."""
        return {column.name: column.info["accepted"] for column in self.sql.columns if "accepted" in column.info}

    @cached_property
    def required_columns(self) -> list[str]:
        """Columns that are never null."""
        return [column.name for column in self.sql.columns if not column.nullable]

    @cached_property
    def spark_types(self) -> dict[str, str]:
        """Spark's type of each column."""
        return {column.name: SPARK_TYPES[type(column.type)] for column in self.sql.columns}

    @cached_property
    def arrow_schema(self) -> "pa.Schema":
        """Arrow's schema, and so that of the Delta table; times are microseconds, UTC.

        All columns are nullable there, and a blocking check says which are null and must not be: Sail tests NOT NULL
        on rows that a filter has yet to drop, and fails a write that is right.
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


def upstream_first(upstreams: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Tables in an order in which each comes after its upstream tables; the same for the same mapping.

    Args:
        upstreams: Of each table, what comes before it; others than the mapping's own tables are passed over.

    Raises:
        graphlib.CycleError: where tables depend on each other in a circle.
    """
    graph = {table: [one for one in before if one in upstreams] for table, before in upstreams.items()}
    return tuple(TopologicalSorter(graph).static_order())
