"""How the listeners of a lake resemble each other."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def listener_affinity(track_metrics: DataFrame, artist_metrics: DataFrame, album_metrics: DataFrame) -> DataFrame:
    return transforms.listener_affinity(track_metrics, artist_metrics, album_metrics)
