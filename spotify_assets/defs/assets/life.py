"""How what is listened to lives with a listener: totals, streaks, milestones, records and discoveries."""

import dagster as dg
from pyspark.sql import DataFrame

from spotify_assets import transforms
from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.settings import Settings


@lake_table
def track_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.track_metrics(daily_track_plays, dim_listener, dim_recording, dim_track, settings=settings)


@lake_table
def artist_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_artist: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.artist_metrics(
        daily_track_plays, dim_listener, dim_artist, dim_recording, dim_track, settings=settings
    )


@lake_table
def album_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_album: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.album_metrics(
        daily_track_plays, dim_listener, dim_album, dim_recording, dim_track, settings=settings
    )
