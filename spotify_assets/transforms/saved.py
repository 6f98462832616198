"""What listeners have in their libraries, marked in dimensions."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import album_key, artist_key, content_key, recording_key


def mark_saved(dimension: str, rows: DataFrame, raw_library: DataFrame) -> DataFrame:
    """Add `is_saved`: whether any listener's latest library has the row, by id or by normalized names.

    Null where no library is landed: nothing is joined then.

    Args:
        dimension: `dim_track`, `dim_album` or `dim_artist`.
        rows: Its rows.
        raw_library: Whole table.
    """
    if not has_rows(raw_library):
        return rows.withColumn("is_saved", F.lit(None).cast("boolean"))
    section, keys = _keys(dimension)
    saved = raw_library.where(F.col("section") == section)
    for column, key in keys.items():
        found = saved.select(key.alias(column)).where(F.col(column).isNotNull()).distinct()
        rows = broadcast_join(found.withColumn(f"saved_by_{column}", F.lit(True)), rows, column, "right")
    marks = [f"saved_by_{column}" for column in keys]
    return rows.withColumn("is_saved", F.coalesce(*marks, F.lit(False))).drop(*marks)


def _keys(dimension: str) -> tuple[str, Mapping[str, Column]]:
    """The section of libraries whose entries are in a dimension, and keys of an entry by column of the dimension."""
    id_, artist, name = F.col("item_id"), F.col("artist_name"), F.col("name")
    if dimension == "dim_track":
        track = content_key(id_, artist, name)
        return "tracks", {"track_key": track, "recording_key": recording_key(artist, name, track)}
    if dimension == "dim_album":
        return "albums", {"album_id": id_, "album_key": album_key(artist, name)}
    return "artists", {"artist_id": id_, "artist_key": artist_key(name)}
