"""`track_catalogue`: tracks as described by playlists and the Web API."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.catalogue import TRACK_FIELDS
from spotify_assets.transforms.aggregates import latest
from spotify_assets.transforms.keys import SEPARATOR, recording_key, spelling_key

SPELLING_COLUMNS = ("track_name", "artist_name", "artist_ids", "artist_names", "album_id", "album_name")
ATTRIBUTES = tuple(name for name in TRACK_FIELDS if name not in SPELLING_COLUMNS)
LIST_COLUMNS = ("artist_ids", "artist_names")


def track_catalogue(playlist_tracks: DataFrame, track_metadata: DataFrame) -> DataFrame:
    """One row per track and spelling of its names in playlists and Web API responses.

    Args:
        playlist_tracks: Whole table.
        track_metadata: Whole table.
    """
    from_playlists = playlist_tracks.where("track_key IS NOT NULL").select(
        "track_key", *SPELLING_COLUMNS, *ATTRIBUTES, F.col("snapshot_date").cast("timestamp").alias("seen_at")
    )
    from_responses = track_metadata.where("is_found").select(
        F.col("track_id").alias("track_key"),
        F.coalesce("album_artist_name", F.get("artist_names", F.lit(0))).alias("artist_name"),
        *[name for name in SPELLING_COLUMNS if name != "artist_name"],
        *ATTRIBUTES,
        F.coalesce("fetched_at", F.lit("1970-01-01").cast("timestamp")).alias("seen_at"),
    )
    # Most days describe a track as the day before did. The latest values of few rows are found in no time.
    descriptions = (
        from_responses.unionByName(from_playlists)
        .groupBy("track_key", *SPELLING_COLUMNS, *ATTRIBUTES)
        .agg(F.max("seen_at").alias("seen_at"))
    )
    # Lists are grouped as text, which engines hash faster. The lists themselves pass through unchanged: Sail names
    # the elements of a list built here differently from the Delta table's, and fails to write it.
    text = {name: f"{name}_text" for name in LIST_COLUMNS}
    tracks = descriptions.withColumns({text[name]: F.array_join(name, SEPARATOR) for name in LIST_COLUMNS})
    spelling = [text.get(name, name) for name in SPELLING_COLUMNS]
    types = TABLES["track_catalogue"].spark_types
    return (
        tracks.groupBy("track_key", *spelling)
        .agg(
            F.max("seen_at").alias("seen_at"),
            *[F.first(name).alias(name) for name in LIST_COLUMNS],
            *[latest(name, "seen_at").alias(name) for name in ATTRIBUTES],
        )
        .withColumns(
            {
                "spelling_key": spelling_key(*spelling),
                "recording_key": recording_key(F.col("artist_name"), F.col("track_name"), F.col("track_key")),
                **{name: F.when(F.col(text["artist_names"]) != "", F.col(name)) for name in LIST_COLUMNS},
                **{name: F.col(name).cast(types[name]) for name in ATTRIBUTES},
            }
        )
        .select(*TABLES["track_catalogue"].columns)
    )
