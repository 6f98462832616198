"""How what is listened to lives with a listener: totals, streaks, milestones, records and discoveries."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
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


@lake_table
def listening_streaks(
    daily_listening: DataFrame,
    daily_track_plays: DataFrame,
    dim_artist: DataFrame,
) -> DataFrame:
    return transforms.listening_streaks(daily_listening, daily_track_plays, dim_artist)


@lake_table
def milestones(
    daily_listening: DataFrame,
    discoveries: DataFrame,
    artist_metrics: DataFrame,
) -> DataFrame:
    return transforms.milestones(daily_listening, discoveries, artist_metrics)


@lake_table
def records(
    daily_listening: DataFrame,
    listening_sessions: DataFrame,
    listening_streaks: DataFrame,
    track_metrics: DataFrame,
    artist_metrics: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.records(
        daily_listening, listening_sessions, listening_streaks, track_metrics, artist_metrics, settings=settings
    )


@lake_table
def discoveries(
    monthly_content: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    track_metrics: DataFrame,
    artist_metrics: DataFrame,
) -> DataFrame:
    return transforms.discoveries(
        monthly_content, daily_track_plays, dim_recording, dim_artist, track_metrics, artist_metrics
    )


@lake_table
def discovery_cohorts(
    discoveries: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_listener: DataFrame,
) -> DataFrame:
    return transforms.discovery_cohorts(discoveries, daily_track_plays, dim_recording, dim_artist, dim_listener)
