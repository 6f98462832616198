"""Queries with named parameters: run on the warehouse, and shown as SQL that `spotify-assets query` takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from textwrap import dedent
from typing import Any

import duckdb

PARAMETER = re.compile(r"\$([a-z_0-9]+)")
ResultRow = dict[str, Any]
Rows = list[ResultRow]
# A chart as Vega-Lite has it.
Spec = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """SQL with parameters as `$name`.

    Attributes:
        sql: The SQL.
        values: Values by name; those that it doesn't name are ignored.
    """

    sql: str
    values: Mapping[str, Any]

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The values that the SQL names; DuckDB refuses others."""
        return {name: self.values[name] for name in PARAMETER.findall(self.sql)}

    @property
    def text(self) -> str:
        """The SQL with values as literals, for people: what was run, and gives the same rows elsewhere."""
        return PARAMETER.sub(lambda found: sql_literal(self.parameters[found[1]]), _dedented(self.sql))

    def run(self, connection: duckdb.DuckDBPyConnection) -> Rows:
        """Its rows."""
        cursor = connection.execute(self.sql, self.parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def sql_literal(value: Any) -> str:
    """A value as a literal of SQL.

    Raises:
        TypeError: It is neither text, number, date, truth value nor None.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case int() | float():
            return str(value)
        case date():
            return f"DATE '{value:%Y-%m-%d}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"{type(value).__name__} is no literal of SQL")


def _dedented(sql: str) -> str:
    """The SQL without the indentation that its lines share, and without blank lines."""
    first, _, rest = sql.strip("\n").partition("\n")
    lines = dedent(first).strip() + "\n" + dedent(rest) if first.strip() and not first[0].isspace() else dedent(sql)
    return "\n".join(line.rstrip() for line in lines.strip().splitlines() if line.strip())
