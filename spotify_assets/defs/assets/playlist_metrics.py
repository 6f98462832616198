"""What playlists hold, how they change, and what the listener makes of them."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.settings import Settings


@lake_table
def playlist_overlap(playlist_track_tenure: DataFrame, dim_playlist: DataFrame, dim_track: DataFrame) -> DataFrame:
    return transforms.playlist_overlap(playlist_track_tenure, dim_playlist, dim_track)


@lake_table
def playlist_metrics(
    playlist_track_tenure: DataFrame,
    raw_playlist_files: DataFrame,
    dim_playlist: DataFrame,
    dim_track: DataFrame,
    dim_artist: DataFrame,
    dim_episode: DataFrame,
    track_metrics: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.playlist_metrics(
        playlist_track_tenure,
        raw_playlist_files,
        dim_playlist,
        dim_track,
        dim_artist,
        dim_episode,
        track_metrics,
        settings=settings,
    )


@lake_table
def playlist_impact(
    playlist_track_tenure: DataFrame,
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.playlist_impact(
        playlist_track_tenure, daily_track_plays, dim_listener, dim_recording, dim_track, settings=settings
    )
