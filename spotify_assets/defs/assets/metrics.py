"""Metrics: partial aggregates by partition, and tables combined from them."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.settings import Settings


@lake_table
def daily_track_plays(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.daily_track_plays(plays, settings=settings)


@lake_table
def hourly_listening(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.hourly_listening(plays, settings=settings)


@lake_table
def monthly_content(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.monthly_content(plays, settings=settings)


@lake_table
def daily_spoken_plays(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.daily_spoken_plays(plays, settings=settings)


@lake_table
def daily_listening(
    hourly_listening: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
) -> DataFrame:
    return transforms.daily_listening(hourly_listening, daily_track_plays, dim_recording, dim_artist, dim_album)


@lake_table
def listening_clock(hourly_listening: DataFrame) -> DataFrame:
    return transforms.listening_clock(hourly_listening)


@lake_table
def catalogue_coverage(track_metrics: DataFrame, dim_track: DataFrame) -> DataFrame:
    return transforms.catalogue_coverage(track_metrics, dim_track)


@lake_table
def playlist_changes(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    return transforms.playlist_changes(playlist_tracks, raw_playlist_files)


@lake_table
def playlist_track_tenure(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    return transforms.playlist_track_tenure(playlist_tracks, raw_playlist_files)
