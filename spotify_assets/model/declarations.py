"""What the model says of tables, columns, keys and constraints, in plain objects.

SQLAlchemy's tables follow from them (`model.sql`), and are made only where DDL is: importing SQLAlchemy and making 90
tables of it takes 0.15 s, which every command would wait for.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelType:
    """A column's type.

    Attributes:
        spark: Spark SQL type.
        length: Most characters of a text; None where there is no limit.
    """

    spark: str
    length: int | None = None


@dataclass(eq=False)
class ModelColumn:
    """A column.

    Attributes:
        name: Name of the column.
        type: Its type.
        nullable: Whether it may be null.
        comment: Description.
        references: `table.column` of a foreign key.
        primary_key: Whether it is part of the primary key.
        autoincrement: As SQLAlchemy has it.
        info: `accepted`: the accepted values, where there is a list of them.
    """

    name: str
    type: ModelType
    nullable: bool
    comment: str
    references: str | None = None
    primary_key: bool = False
    autoincrement: bool | str = "auto"
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckConstraint:
    """A condition that each row meets, in SQL."""

    sql: str
    name: str


@dataclass(eq=False)
class ModelTable:
    """A table; see `model.columns.table`."""

    name: str
    layer: str
    comment: str
    columns: dict[str, ModelColumn]
    checks: tuple[CheckConstraint, ...]
    window: str | None
    landed: str | None
    library: str | None
    sorted_by: str | None
