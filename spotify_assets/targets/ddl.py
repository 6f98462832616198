"""DDL of SQL stores, from the model: SQLAlchemy writes it in the dialect of each."""

import hashlib
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, ExecutableDDLElement, SetColumnComment, SetTableComment

from spotify_assets.model import TABLES

# What a column of an array becomes where the store has none.
Retype = Callable[[sa.types.TypeEngine], sa.types.TypeEngine]


def as_it_is(type_: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """The model's own type."""
    return type_


def served(
    tables: Sequence[str],
    dialect: sa.Dialect,
    *,
    names: Callable[[str], str] = str,
    retype: Retype = as_it_is,
    checks: bool = True,
    keyed: Callable[[str], bool] = lambda table: True,
    to_itself: bool = True,
) -> sa.MetaData:
    """A copy of the model with these tables, fit for a store.

    Foreign keys that point to a table that is not among them are left out, and those that point to a part of a
    primary key (a version of `dim_playlist` is valid for a time, and a store can't say so).

    Args:
        tables: Their names in the model.
        dialect: Of the store.
        names: Gives the name of a table in the store.
        retype: Gives the type of a column in the store.
        checks: Whether check constraints come along.
        keyed: Whether a table has its primary and foreign keys there; comments tell of them always.
        to_itself: Whether a table's foreign keys to itself come along.
    """
    metadata = sa.MetaData()
    for name in tables:
        parts: list[sa.Column | sa.CheckConstraint] = [
            sa.Column(
                column.name,
                retype(column.type),
                *[
                    sa.ForeignKey(f"{names(link.column.table.name)}.{link.column.name}")
                    for link in column.foreign_keys
                    if keyed(name)
                    and link.column.table.name in tables
                    and _is_whole_key(link.column)
                    and (to_itself or link.column.table.name != name)
                ],
                primary_key=column.primary_key and keyed(name),
                nullable=column.nullable,
                autoincrement=False,
                comment=comment_of(column),
            )
            for column in TABLES[name].sql.columns
        ]
        if checks:
            parts += [
                sa.CheckConstraint(_quoted(condition, TABLES[name].sql, dialect))
                for condition in TABLES[name].check_constraints.values()
            ]
        sa.Table(names(name), metadata, *parts, comment=TABLES[name].comment, info={"model": name})
    return metadata


def comment_of(column: sa.Column) -> str:
    """What the column is, which keys it is part of, and where it points."""
    parts = [str(column.comment)]
    if column.primary_key:
        parts.append("Primary key" if len(column.table.primary_key) == 1 else "Part of the primary key")
    parts += [f"References {link.target_fullname}" for link in column.foreign_keys]
    return ". ".join(parts)


def _quoted(sql: str, table: sa.Table, dialect: sa.Dialect) -> str:
    """The condition with the table's columns quoted where the dialect has a word of that name."""
    quote = dialect.identifier_preparer.quote
    reserved = {column.name for column in table.columns if quote(column.name) != column.name}
    if not any(name in sql for name in reserved):
        return sql
    # Here, as it takes 0.2 s, and few conditions need it.
    from sqlglot.tokens import Tokenizer, TokenType

    for token in reversed(Tokenizer().tokenize(sql)):
        if token.text in reserved and token.token_type is not TokenType.STRING:
            sql = sql[: token.start] + quote(token.text) + sql[token.end + 1 :]
    return sql


def _is_whole_key(column: sa.Column) -> bool:
    return [key.name for key in column.table.primary_key] == [column.name]


def create_table(table: sa.Table, dialect: sa.Dialect, *, foreign_keys: bool = True) -> str:
    """`CREATE TABLE`, with keys and constraints."""
    statement = CreateTable(table, include_foreign_key_constraints=None if foreign_keys else [])
    return str(statement.compile(dialect=dialect)).strip()


def comments(table: sa.Table, dialect: sa.Dialect) -> list[str]:
    """`COMMENT ON` the table and each of its columns, for stores that take comments so."""
    statements: list[ExecutableDDLElement] = [SetTableComment(table), *map(SetColumnComment, table.columns)]
    return [str(statement.compile(dialect=dialect)) for statement in statements]


def shape(*statements: str) -> str:
    """A short hash of a table's DDL."""
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:12]


def held_windows(metadata: sa.MetaData, name: str = "published_windows") -> sa.Table:
    """The table by which a target knows what it holds."""
    return sa.Table(
        name,
        metadata,
        sa.Column("table_name", sa.String(64), primary_key=True, comment="Table of this store"),
        sa.Column("window_name", sa.String(64), primary_key=True, comment="Days of a partition, or `whole`"),
        sa.Column("version", sa.String(64), nullable=False, comment="Commit of the lake that wrote them last"),
        sa.Column("shape", sa.String(64), nullable=False, comment="Hash of the table's DDL"),
        comment="What of the lake is in this store, by table and partition. Made by spotify_assets.",
    )
