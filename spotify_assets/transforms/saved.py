"""What listeners have in their libraries, marked in dimensions."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import album_key, artist_key, content_key, normalize_name, recording_key


def mark_saved(what: str, rows: DataFrame, raw_library: DataFrame, *, flag: str = "is_saved") -> DataFrame:
    """Add a flag: whether any listener's latest library has the row, by id or by normalized names.

    Null where no library is landed: nothing is joined then.

    Args:
        what: Section of libraries: `tracks`, `albums`, `artists`, `episodes` or `shows`.
        rows: Rows of its dimension; of `dim_episode` for `shows`, with the normalized name as `normalized_show`.
        raw_library: Whole table.
        flag: Name of the flag.
    """
    if not has_rows(raw_library):
        return rows.withColumn(flag, F.lit(None).cast("boolean"))
    keys = _keys(what)
    saved = raw_library.where(F.col("section") == what)
    for column, key in keys.items():
        found = saved.select(key.alias(column)).where(F.col(column).isNotNull()).distinct()
        rows = broadcast_join(found.withColumn(f"saved_by_{column}", F.lit(True)), rows, column, "right")
    marks = [f"saved_by_{column}" for column in keys]
    return rows.withColumn(flag, F.coalesce(*marks, F.lit(False))).drop(*marks)


def _keys(section: str) -> Mapping[str, Column]:
    """Keys of an entry of this section by column of the dimension."""
    id_, artist, name = F.col("item_id"), F.col("artist_name"), F.col("name")
    if section == "tracks":
        track = content_key(id_, artist, name)
        return {"track_key": track, "recording_key": recording_key(artist, name, track)}
    if section == "albums":
        return {"album_id": id_, "album_key": album_key(artist, name)}
    if section == "episodes":
        return {"episode_key": content_key(id_, artist, name)}
    if section == "shows":
        return {"normalized_show": normalize_name(name)}
    return {"artist_id": id_, "artist_key": artist_key(name)}
