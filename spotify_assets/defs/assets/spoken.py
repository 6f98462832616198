"""What was heard of podcasts and audiobooks."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def episode_metrics(daily_spoken_plays: DataFrame, dim_episode: DataFrame) -> DataFrame:
    return transforms.episode_metrics(daily_spoken_plays, dim_episode)


@lake_table
def show_metrics(episode_metrics: DataFrame, daily_spoken_plays: DataFrame) -> DataFrame:
    return transforms.show_metrics(episode_metrics, daily_spoken_plays)
