"""Dagster's column schemas, derived from the model."""

import dagster as dg
import sqlalchemy as sa

from spotify_assets.model import TABLES


def dagster_schema(table: str) -> dg.TableSchema:
    """Dagster's column schema of a table: Spark types, comments, nullability, keys and accepted values."""
    types = TABLES[table].spark_types

    def constraints(column: sa.Column) -> dg.TableColumnConstraints:
        is_unique = column.primary_key and len(TABLES[table].primary_key) == 1
        references = [f"references {key.target_fullname}" for key in column.foreign_keys]
        accepted = [f"one of {', '.join(column.info['accepted'])}"] if "accepted" in column.info else []
        return dg.TableColumnConstraints(nullable=bool(column.nullable), unique=is_unique, other=references + accepted)

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=types[column.name],
                description=column.comment,
                constraints=constraints(column),
                tags={"primary_key": ""} if column.primary_key else None,
            )
            for column in TABLES[table].sql.columns
        ],
        constraints=dg.TableConstraints(other=list(TABLES[table].check_constraints.values())),
    )
