"""`track_catalogue`: what playlists and the Web API tell of tracks."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.catalogue import track_fields
from spotify_assets.transforms.keys import SEPARATOR, recording_key, spelling_key
from spotify_assets.transforms.metrics import latest

SPELLED = ("track_name", "artist_name", "artist_ids", "artist_names", "album_id", "album_name")
ATTRIBUTES = tuple(column.name for column in track_fields() if column.name not in SPELLED)
LISTS = ("artist_ids", "artist_names")


def track_catalogue(playlist_tracks: DataFrame, track_metadata: DataFrame) -> DataFrame:
    """One row per track and spelling of its names that a playlist or the Web API ever told.

    Args:
        playlist_tracks: All of it.
        track_metadata: All of it.
    """
    of_playlists = playlist_tracks.where("track_key IS NOT NULL").select(
        "track_key", *SPELLED, *ATTRIBUTES, F.col("snapshot_date").cast("timestamp").alias("seen_at")
    )
    of_responses = track_metadata.where("is_found").select(
        F.col("track_id").alias("track_key"),
        F.coalesce("album_artist_name", F.get("artist_names", F.lit(0))).alias("artist_name"),
        *[name for name in SPELLED if name != "artist_name"],
        *ATTRIBUTES,
        F.coalesce("fetched_at", F.lit("1970-01-01").cast("timestamp")).alias("seen_at"),
    )
    # Engines group by text at once, and so by lists as text. The lists go through as they are: to Sail, elements of
    # one that is made here have another name than the table's, and it would refuse to write them.
    text = {name: f"{name}_text" for name in LISTS}
    told = of_responses.unionByName(of_playlists).withColumns(
        {text[name]: F.array_join(name, SEPARATOR) for name in LISTS}
    )
    spelled = [text.get(name, name) for name in SPELLED]
    types = TABLES["track_catalogue"].spark_types
    return (
        told.groupBy("track_key", *spelled)
        .agg(
            F.max("seen_at").alias("seen_at"),
            *[F.first(name).alias(name) for name in LISTS],
            *[latest(name, "seen_at").alias(name) for name in ATTRIBUTES],
        )
        .withColumns(
            {
                "spelling_key": spelling_key(*spelled),
                "recording_key": recording_key(F.col("artist_name"), F.col("track_name"), F.col("track_key")),
                **{name: F.when(F.col(text["artist_names"]) != "", F.col(name)) for name in LISTS},
                **{name: F.col(name).cast(types[name]) for name in ATTRIBUTES},
            }
        )
        .select(*TABLES["track_catalogue"].sql.columns.keys())
    )
