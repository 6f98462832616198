"""Facts: keys, measures and flags. Keys are hashes of the row's own values, so that no join is needed."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.columns import NOT_APPLICABLE, NOT_APPLICABLE_NUMBER
from spotify_assets.model.dimensions import REASONS
from spotify_assets.transforms.calendar import date_key
from spotify_assets.transforms.keys import album_key, artist_key, hash64, track_only_key


def fct_plays(plays: DataFrame) -> DataFrame:
    """One row per play: a key to every dimension, measures (`ms_played` in milliseconds) and flags.

    Args:
        plays: Any rows of the table.
    """
    content_type = F.col("content_type")
    return plays.select(
        "play_id",
        "played_at",
        hash64(F.col("listener")).alias("listener_key"),
        date_key(F.col("local_date")).alias("date_key"),
        F.col("local_hour").alias("time_key"),
        "content_type",
        F.coalesce("track_key", F.lit(NOT_APPLICABLE)).alias("track_key"),
        track_only_key(content_type, F.col("recording_key")).alias("recording_key"),
        track_only_key(content_type, artist_key(F.col("artist_name"))).alias("artist_key"),
        track_only_key(content_type, album_key(F.col("artist_name"), F.col("album_name"))).alias("album_key"),
        F.when(content_type == "track", NOT_APPLICABLE).otherwise(F.col("content_key")).alias("episode_key"),
        hash64(F.col("platform")).alias("platform_key"),
        reason_key(F.col("reason_start")).alias("reason_start_key"),
        reason_key(F.col("reason_end")).alias("reason_end_key"),
        "ms_played",
        "ms_played_is_estimated",
        "is_stream",
        "is_implausible",
        "skipped",
        "shuffle",
        "offline",
        "incognito",
        "month",
    )


def fct_playlist_tracks(playlist_tracks: DataFrame) -> DataFrame:
    """One row per playlist, snapshot and position: a key to every dimension.

    Args:
        playlist_tracks: Any rows of the table.
    """
    has_track = F.col("track_key").isNotNull()

    def of_track(key: Column) -> Column:
        return F.when(has_track, key).otherwise(F.lit(NOT_APPLICABLE_NUMBER))

    return playlist_tracks.select(
        "snapshot_date",
        date_key(F.col("snapshot_date")).alias("date_key"),
        hash64(F.col("playlist_id")).alias("playlist_key"),
        "position",
        "content_type",
        F.coalesce("track_key", F.lit(NOT_APPLICABLE)).alias("track_key"),
        of_track(F.col("recording_key")).alias("recording_key"),
        of_track(artist_key(F.col("artist_name"))).alias("artist_key"),
        of_track(album_key(F.col("artist_name"), F.col("album_name"))).alias("album_key"),
        F.coalesce("episode_key", F.lit(NOT_APPLICABLE)).alias("episode_key"),
        "added_at",
        "duration_ms",
        "month",
    )


def reason_key(reason: Column) -> Column:
    """Key of `dim_reason`: the code itself, or `other` for a code that the dimension lacks."""
    return F.when(reason.isin(*REASONS, "unknown"), reason).otherwise("other")
