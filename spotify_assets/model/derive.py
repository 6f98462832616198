"""What others need of the model, derived from it: Arrow's and Dagster's schemas, lineage by foreign key."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from spotify_assets.model import TABLES

if TYPE_CHECKING:
    import dagster as dg
    import pyarrow as pa

LAYOUT_COLUMN = "month"

# SQLAlchemy's type, and Spark's name for it. Arrow's follow below.
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

# What a table's partitions are.
PLAYS, SNAPSHOTS = "plays", "snapshots"


def window_column(table: str) -> str | None:
    """The column whose time decides the partition of a row; None for an unpartitioned table."""
    return TABLES[table].info["window"]


def partitioning(table: str) -> str | None:
    """What the table's partitions are: periods of plays, days of snapshots, or none."""
    column = window_column(table)
    if column is None:
        return None
    return SNAPSHOTS if isinstance(TABLES[table].columns[column].type, sa.Date) else PLAYS


def landed_folder(table: str) -> str | None:
    """The folder of the landing zone that the table mirrors; None for a table that is computed."""
    return TABLES[table].info["landed"]


def primary_key(table: str) -> list[str]:
    """Names of the columns of the primary key."""
    return [column.name for column in TABLES[table].primary_key]


def columns(table: str) -> list[str]:
    """Names of all columns, in order."""
    return [column.name for column in TABLES[table].columns]


def spark_types(table: str) -> dict[str, str]:
    """Spark's type of each column."""
    return {column.name: SPARK_TYPES[type(column.type)] for column in TABLES[table].columns}


def arrow_schema(table: str) -> "pa.Schema":
    """Arrow's schema, and so that of the Delta table; times are microseconds, UTC.

    All columns are nullable there, and a blocking check says which are null and must not be: Sail tests NOT NULL on
    rows that a filter has yet to drop, and fails a write that is right.
    """
    import pyarrow as pa

    arrow = {
        "string": pa.string(),
        "bigint": pa.int64(),
        "int": pa.int32(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "array<string>": pa.list_(pa.string()),
    }
    types = spark_types(table)
    return pa.schema([pa.field(column.name, arrow[types[column.name]]) for column in TABLES[table].columns])


def referenced_tables(table: str) -> list[str]:
    """Other tables that a foreign key of this one points to."""
    targets = {link.column.table.name for link in TABLES[table].foreign_keys}
    return sorted(targets - {table})


def dagster_schema(table: str) -> "dg.TableSchema":
    """Dagster's column schema, with comments and constraints."""
    import dagster as dg

    types = spark_types(table)

    def constraints(column: sa.Column) -> "dg.TableColumnConstraints":
        alone = column.primary_key and len(primary_key(table)) == 1
        links = [f"references {link.target_fullname}" for link in column.foreign_keys]
        accepted = [f"one of {', '.join(column.info['accepted'])}"] if "accepted" in column.info else []
        return dg.TableColumnConstraints(nullable=bool(column.nullable), unique=alone, other=links + accepted)

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=types[column.name],
                description=column.comment,
                constraints=constraints(column),
                tags={"primary_key": ""} if column.primary_key else None,
            )
            for column in TABLES[table].columns
        ],
        constraints=dg.TableConstraints(
            other=[
                str(constraint.sqltext)
                for constraint in TABLES[table].constraints
                if isinstance(constraint, sa.CheckConstraint)
            ]
        ),
    )
