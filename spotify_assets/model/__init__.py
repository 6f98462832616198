"""The data model: every table, column, type, key, constraint and description, once.

Everything else that names a type or a constraint is derived from here: see `derive`.
"""

from sqlalchemy import Table

from spotify_assets.model import cleaned, dimensions, facts, metrics, raw
from spotify_assets.model.columns import metadata

LAYERS = ("raw", "cleaned", "dimensions", "facts", "metrics")
TABLES: dict[str, Table] = {
    table.name: table for layer in LAYERS for table in metadata.tables.values() if table.info["layer"] == layer
}

__all__ = ["LAYERS", "TABLES", "cleaned", "dimensions", "facts", "metadata", "metrics", "raw"]
