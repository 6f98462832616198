"""DDL of SQL stores, generated from the model by SQLAlchemy in the dialect of each store."""

import hashlib
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable, ExecutableDDLElement, SetColumnComment, SetTableComment

from spotify_assets.model import TABLES

# DuckDB accepts PostgreSQL's types and comments.
# Not psycopg's style of parameters: SQL is text here, in which `%` would be doubled.
DUCKDB = postgresql.dialect(paramstyle="named")

# Maps a type of the model to a type of the store.
Retype = Callable[[sa.types.TypeEngine], sa.types.TypeEngine]


def keep_type(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """Keep the model's type."""
    return type_


def build_metadata(
    tables: Sequence[str],
    dialect: sa.Dialect,
    *,
    rename: Callable[[str], str] = str,
    retype: Retype = keep_type,
    checks: bool = True,
    has_keys: Callable[[str], bool] = lambda table: True,
    self_references: bool = True,
) -> sa.MetaData:
    """The model's metadata of these tables, adapted to a store.

    Foreign keys to other tables are left out, and so are those to a part of a primary key: a reference to a type 2
    dimension such as `dim_playlist` depends on the time, which no foreign key can express.

    Args:
        tables: Names in the model.
        dialect: Dialect of the store.
        rename: Returns the name of a table in the store.
        retype: Returns the type of a column in the store.
        checks: Include check constraints.
        has_keys: Whether a table gets its primary and foreign keys; comments name them in any case.
        self_references: Include foreign keys of a table to itself.
    """
    metadata = sa.MetaData()
    for name in tables:
        parts: list[sa.Column | sa.CheckConstraint] = [
            sa.Column(
                column.name,
                retype(column.type),
                *[
                    sa.ForeignKey(f"{rename(foreign_key.column.table.name)}.{foreign_key.column.name}")
                    for foreign_key in column.foreign_keys
                    if has_keys(name)
                    and foreign_key.column.table.name in tables
                    and _is_whole_key(foreign_key.column)
                    and (self_references or foreign_key.column.table.name != name)
                ],
                primary_key=column.primary_key and has_keys(name),
                nullable=column.nullable,
                autoincrement=False,
                comment=column_comment(column),
            )
            for column in TABLES[name].sql.columns
        ]
        if checks:
            parts += [
                sa.CheckConstraint(_quote_columns(condition, TABLES[name].sql, dialect))
                for condition in TABLES[name].check_constraints.values()
            ]
        sa.Table(rename(name), metadata, *parts, comment=TABLES[name].comment, info={"model": name})
    return metadata


def column_comment(column: sa.Column) -> str:
    """The column's comment, with its part in keys and the column that it references."""
    parts = [str(column.comment)]
    if column.primary_key:
        parts.append("Primary key" if len(column.table.primary_key) == 1 else "Part of the primary key")
    parts += [f"References {foreign_key.target_fullname}" for foreign_key in column.foreign_keys]
    return ". ".join(parts)


def _quote_columns(sql: str, table: sa.Table, dialect: sa.Dialect) -> str:
    """The SQL condition, with those of the table's columns quoted that are reserved words of the dialect."""
    quote = dialect.identifier_preparer.quote
    reserved = {column.name for column in table.columns if quote(column.name) != column.name}
    if not any(name in sql for name in reserved):
        return sql
    # Imported here: the import takes 0.2 s, and few conditions need it.
    from sqlglot.tokens import Tokenizer, TokenType

    for token in reversed(Tokenizer().tokenize(sql)):
        if token.text in reserved and token.token_type is not TokenType.STRING:
            sql = sql[: token.start] + quote(token.text) + sql[token.end + 1 :]
    return sql


def _is_whole_key(column: sa.Column) -> bool:
    return [key.name for key in column.table.primary_key] == [column.name]


def create_table(table: sa.Table, dialect: sa.Dialect, *, foreign_keys: bool = True) -> str:
    """`CREATE TABLE`, with keys and check constraints."""
    statement = CreateTable(table, include_foreign_key_constraints=None if foreign_keys else [])
    return str(statement.compile(dialect=dialect)).strip()


def comment_statements(table: sa.Table, dialect: sa.Dialect) -> list[str]:
    """`COMMENT ON` statements of the table and of each of its columns."""
    statements: list[ExecutableDDLElement] = [SetTableComment(table), *map(SetColumnComment, table.columns)]
    return [str(statement.compile(dialect=dialect)) for statement in statements]


def ddl_fingerprint(*statements: str) -> str:
    """Hash of a table's DDL statements (12 hexadecimal digits)."""
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:12]


def published_windows_table(metadata: sa.MetaData, name: str = "published_windows") -> sa.Table:
    """Definition of the table in which a SQL store records the published version of each window."""
    return sa.Table(
        name,
        metadata,
        sa.Column("table_name", sa.String(64), primary_key=True, comment="Table of this store"),
        sa.Column("window_name", sa.String(64), primary_key=True, comment="Days of a partition, or `whole`"),
        sa.Column("version", sa.String(64), nullable=False, comment="Commit of the lake that wrote them last"),
        sa.Column("shape", sa.String(64), nullable=False, comment="Hash of the table's DDL"),
        comment="What of the lake is in this store, by table and partition. Made by spotify_assets.",
    )
