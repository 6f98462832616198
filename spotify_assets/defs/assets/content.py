"""What music was listened to, by local month."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def genre_trends(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    dim_artist: DataFrame,
    bridge_track_artist: DataFrame,
    genre_families: DataFrame,
) -> DataFrame:
    return transforms.genre_trends(
        daily_track_plays, dim_listener, dim_recording, dim_track, dim_artist, bridge_track_artist, genre_families
    )


@lake_table
def era_activity(
    daily_track_plays: DataFrame, dim_listener: DataFrame, dim_recording: DataFrame, dim_track: DataFrame
) -> DataFrame:
    return transforms.era_activity(daily_track_plays, dim_listener, dim_recording, dim_track)


@lake_table
def audio_profile(
    daily_track_plays: DataFrame, dim_listener: DataFrame, dim_recording: DataFrame, dim_track: DataFrame
) -> DataFrame:
    return transforms.audio_profile(daily_track_plays, dim_listener, dim_recording, dim_track)
