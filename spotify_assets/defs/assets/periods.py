"""What was heard in days, weeks, months, quarters and years."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.settings import Settings


@lake_table
def top_charts(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.top_charts(
        daily_track_plays, dim_listener, dim_recording, dim_artist, dim_album, settings=settings
    )


@lake_table
def coverage_gaps(daily_listening: DataFrame, plays: DataFrame) -> DataFrame:
    return transforms.coverage_gaps(daily_listening, plays)


@lake_table
def period_listening(
    daily_listening: DataFrame,
    daily_track_plays: DataFrame,
    listening_sessions: DataFrame,
    coverage_gaps: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    dim_track: DataFrame,
) -> DataFrame:
    return transforms.period_listening(
        daily_listening,
        daily_track_plays,
        listening_sessions,
        coverage_gaps,
        dim_listener,
        dim_recording,
        dim_artist,
        dim_album,
        dim_track,
    )
