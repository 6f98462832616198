"""Facts: one row per event."""

from pyspark.sql import DataFrame

from spotify_assets import transforms
from spotify_assets.defs.assets.declare import lake_table


@lake_table
def fct_plays(plays: DataFrame) -> DataFrame:
    return transforms.fct_plays(plays)


@lake_table
def fct_playlist_tracks(playlist_tracks: DataFrame) -> DataFrame:
    return transforms.fct_playlist_tracks(playlist_tracks)
