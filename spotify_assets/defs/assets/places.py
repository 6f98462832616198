"""Metrics of where a listener was."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def listening_places(hourly_listening: DataFrame) -> DataFrame:
    return transforms.listening_places(hourly_listening)


@lake_table
def trips(
    hourly_listening: DataFrame, listening_places: DataFrame, daily_track_plays: DataFrame, dim_recording: DataFrame
) -> DataFrame:
    return transforms.trips(hourly_listening, listening_places, daily_track_plays, dim_recording)
