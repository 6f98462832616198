"""SQL over the lake's tables, by DuckDB: it reads them and nothing else."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.lake_reader import FILE_SETTINGS, connect_lake
from spotify_assets.targets.questions import questions

# In DuckDB's errors about a table's files: the step that reads them through Arrow, or a file's name.
OF_FILES = ("arrow_scan", ".parquet")
SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
EXPLAIN = re.compile(
    rf"\A{SPACE}*EXPLAIN(?:{SPACE}+ANALYZE\b)?(?:{SPACE}*\([^()]*\))?{SPACE}*", re.IGNORECASE | re.DOTALL
)
STATEMENTS = "one SELECT (WITH, FROM, VALUES, PIVOT, DESCRIBE, SHOW, SUMMARIZE), or EXPLAIN of one"


class QueryRefusedError(Exception):
    """A query does more than reading the lake's tables. The message says what, in one line."""


@dataclass(frozen=True)
class QueryAnswer:
    """What a query gives.

    Attributes:
        names: Names of the columns; one may occur twice.
        rows: Values of each row; times are in UTC.
    """

    names: list[str]
    rows: list[tuple[Any, ...]]

    @property
    def dicts(self) -> list[dict[str, Any]]:
        """The rows with the names of their columns."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


def run_query(lake: Lake, sql: str, *, allow_external: bool = False, damaged: Collection[str] = ()) -> QueryAnswer:
    """Run SQL on DuckDB over the lake's tables and the views of `questions`. Tables not written yet are empty.

    Args:
        lake: The lake.
        sql: One statement that reads; see `require_reading`.
        allow_external: Run any statements, with access to files, other databases and the network.
        damaged: Tables to be taken for empty.

    Raises:
        DamagedTableError: A table that it reads is damaged.
        QueryRefusedError: The query does anything but reading the lake's tables.
        duckdb.Error: The query is invalid.
    """
    if not allow_external:
        require_reading(sql)
    connection = duckdb.connect(config=FILE_SETTINGS)
    named = tables_named(connection, sql)
    asked = [name for name in questions() if name in named]
    named = named.union(*(tables_named(connection, questions()[name]) for name in asked)) - {*questions()}
    # Opening all tables takes two seconds. For a query that names none, as SHOW TABLES, empty ones suffice.
    empty = damaged if named else TABLES
    connect_lake(lake, named or TABLES, empty=empty, allow_external=allow_external, connection=connection)
    for name in asked:
        connection.execute(f"CREATE VIEW {name} AS {questions()[name]}")
    try:
        relation = connection.sql(sql)
        return QueryAnswer(relation.columns, relation.fetchall()) if relation is not None else QueryAnswer([], [])
    except duckdb.PermissionException as error:
        raise QueryRefusedError(str(error).splitlines()[0]) from None
    except (duckdb.Error, OSError) as error:
        if any(words in str(error) for words in OF_FILES):
            lake.raise_if_unreadable(named.difference(damaged))
        raise


def require_reading(sql: str) -> None:
    """Check that a query is one statement that only reads.

    EXPLAIN ANALYZE runs its statement, and DuckDB reports both as EXPLAIN, whatever is explained. A PIVOT without a
    list of values is reported as CREATE TYPE, of the values, and SELECT, both without their text.

    Raises:
        QueryRefusedError: It is none, more than one, or another statement.
        duckdb.ParserException: It is no SQL.
    """
    statements = duckdb.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if not any(statement.query for statement in statements):
        kinds = kinds[len(kinds) - 1 :] if set(kinds[:-1]) <= {"CREATE"} else kinds
    if kinds == ["EXPLAIN"]:
        explained = EXPLAIN.sub("", sql, count=1)
        kinds = [statement.type.name for statement in duckdb.extract_statements(explained)]
    if kinds != ["SELECT"]:
        found = " and ".join(kinds) or "nothing"
        raise QueryRefusedError(f"a query is {STATEMENTS}; this is {found}")


def tables_named(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Names of the lake's tables and of views of `questions` that a query reads, by DuckDB's parser.

    A common table expression with the name of a table counts as that table. All tables and views are returned for
    statements without a syntax tree in DuckDB, such as EXPLAIN and most kinds of PIVOT.
    """
    known = {*TABLES, *questions()}
    # With a parameter, DuckDB imports pandas: half a second.
    quoted = sql.replace("'", "''")
    [(serialized,)] = connection.execute(f"SELECT json_serialize_sql('{quoted}'::VARCHAR)").fetchall()
    tree = json.loads(serialized)
    if tree.get("error_type") == "not implemented":
        return known
    return {name.lower() for name in _names(tree)} & known


def _names(tree: Any, is_argument: bool = False) -> Iterator[str]:
    """Names of tables in a DuckDB syntax tree, including arguments of table functions: `query_table('plays')`."""
    if isinstance(tree, dict):
        is_argument |= tree.get("type") == "TABLE_FUNCTION"
        for key, part in tree.items():
            if isinstance(part, str) and (key == "table_name" or (is_argument and key == "value")):
                yield part
            else:
                yield from _names(part, is_argument)
    elif isinstance(tree, list):
        for part in tree:
            yield from _names(part, is_argument)
