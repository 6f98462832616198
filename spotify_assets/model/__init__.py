"""The data model: every table, column, type, key, constraint and description.

Schemas of engines and targets, checks and documentation are derived from it: see `LakeTable`.
"""

from spotify_assets.model import (
    behaviour,
    cleaned,
    content,
    dimensions,
    facts,
    life,
    metrics,
    people,
    periods,
    places,
    playlist_metrics,
    popularity,
    raw,
    recap,
    sessions,
    spoken,
)
from spotify_assets.model.columns import DECLARED
from spotify_assets.model.tables import PLAYS, SNAPSHOTS, LakeTable, upstream_first

LAYERS = ("raw", "cleaned", "dimensions", "facts", "metrics")
TABLES: dict[str, LakeTable] = {
    table.name: LakeTable(table) for layer in LAYERS for table in DECLARED.values() if table.layer == layer
}

__all__ = [
    "LAYERS",
    "PLAYS",
    "SNAPSHOTS",
    "TABLES",
    "LakeTable",
    "behaviour",
    "cleaned",
    "content",
    "dimensions",
    "facts",
    "life",
    "metrics",
    "people",
    "periods",
    "places",
    "playlist_metrics",
    "popularity",
    "raw",
    "recap",
    "sessions",
    "spoken",
    "upstream_first",
]
