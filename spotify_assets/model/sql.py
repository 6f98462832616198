"""The model as SQLAlchemy's tables, of which DDL and comments of SQL stores are made."""

from collections.abc import Iterable

import sqlalchemy as sa

from spotify_assets.model.declarations import ModelColumn, ModelTable, ModelType

SQL_TYPES: dict[str, sa.types.TypeEngine] = {
    "string": sa.Text(),
    "bigint": sa.BigInteger(),
    "int": sa.Integer(),
    "double": sa.Double(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
    "array<string>": sa.ARRAY(sa.Text()),
}


def sql_tables(declared: Iterable[ModelTable]) -> dict[str, sa.Table]:
    """SQLAlchemy's tables by name, with foreign keys to each other."""
    metadata = sa.MetaData()
    for table in declared:
        checks = [sa.CheckConstraint(check.sql, name=check.name) for check in table.checks]
        sa.Table(table.name, metadata, *map(_sql_column, table.columns.values()), *checks, comment=table.comment)
    return dict(metadata.tables)


def _sql_column(column: ModelColumn) -> sa.Column:
    return sa.Column(
        column.name,
        _sql_type(column.type),
        *([sa.ForeignKey(column.references)] if column.references else []),
        nullable=column.nullable,
        primary_key=column.primary_key,
        autoincrement=column.autoincrement,  # type: ignore[arg-type]  # it wants a literal
        comment=column.comment,
        info=column.info,
    )


def _sql_type(type_: ModelType) -> sa.types.TypeEngine:
    return sa.String(type_.length) if type_.length else SQL_TYPES[type_.spark]
