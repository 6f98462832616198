"""Relationships of Power BI from the model's foreign keys, and which of them are active.

Power BI relates one column to one column of another table, whose values are unique, and allows one active path of
filters between two tables: https://learn.microsoft.com/power-bi/transform-model/desktop-relationships-understand
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spotify_assets.model import TABLES

# Whose relationships become active first: a fact's own key to a dimension, not the way by another dimension.
PRECEDENCE = ("facts", "metrics", "dimensions")


@dataclass(frozen=True)
class Relationship:
    """A foreign key as a relationship; filters pass from the referenced table to the referencing one.

    Attributes:
        table: Referencing table, the "many" side.
        column: Its key column.
        references: Referenced table, the "one" side.
        key: Its primary key column.
        is_active: Whether filters pass by themselves; else only in measures with USERELATIONSHIP.
    """

    table: str
    column: str
    references: str
    key: str
    is_active: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.column} -> {self.references}.{self.key}"


@dataclass(frozen=True)
class LeftOut:
    """A foreign key that can't be a relationship, and why."""

    table: str
    column: str
    references: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} -> {self.references}: {self.reason}"


def relate(tables: Sequence[str]) -> tuple[list[Relationship], list[LeftOut]]:
    """Relationships between these tables, and foreign keys between them that can't be any.

    Those of facts come first, then of metrics, then of dimensions; of a layer in the model's order, of a table in its
    columns' order. Each is active unless that would make a second path, or a circle, with those before it.
    """
    related: list[Relationship] = []
    left_out: list[LeftOut] = []
    active: dict[str, set[str]] = {table: set() for table in tables}
    for table, column, references, key in _foreign_keys(tables):
        if table == references:
            left_out.append(LeftOut(table, column, references, "Power BI relates no table to itself"))
        elif TABLES[references].primary_key != [key]:
            left_out.append(
                LeftOut(table, column, references, f"{key} is a part of that table's key, and not unique by itself")
            )
        else:
            is_active = not _makes_second_path(active, references, table)
            if is_active:
                active[references].add(table)
            related.append(Relationship(table, column, references, key, is_active))
    return related, left_out


def _foreign_keys(tables: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Table, column, referenced table and column of each foreign key between the tables."""
    for layer in PRECEDENCE:
        for table, model in TABLES.items():
            if table in tables and model.layer == layer:
                for column in model.sql.columns:
                    for link in column.foreign_keys:
                        if link.column.table.name in tables:
                            yield table, column.name, link.column.table.name, link.column.name


def _makes_second_path(active: dict[str, set[str]], start: str, end: str) -> bool:
    """Whether, with a path from `start` to `end` added, there would be two between any two tables, or a circle."""
    before = {table for table in active if start in _reachable(active, table)}
    after = _reachable(active, end)
    return any(target in _reachable(active, table) for table in before for target in after)


def _reachable(active: dict[str, set[str]], start: str) -> set[str]:
    """Tables that filters of a table reach, with itself."""
    found, to_follow = {start}, [start]
    while to_follow:
        new = active[to_follow.pop()] - found
        found |= new
        to_follow.extend(new)
    return found
