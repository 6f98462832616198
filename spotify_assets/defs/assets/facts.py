"""Facts: one row per event."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def fct_plays(plays: DataFrame) -> DataFrame:
    return transforms.fct_plays(plays)


@lake_table
def fct_playlist_tracks(playlist_tracks: DataFrame) -> DataFrame:
    return transforms.fct_playlist_tracks(playlist_tracks)
