"""What was heard of podcasts and audiobooks."""

from pyspark.sql import DataFrame

from spotify_assets import transforms
from spotify_assets.defs.assets.declare import lake_table


@lake_table
def episode_metrics(daily_spoken_plays: DataFrame, dim_episode: DataFrame) -> DataFrame:
    return transforms.episode_metrics(daily_spoken_plays, dim_episode)


@lake_table
def show_metrics(episode_metrics: DataFrame, daily_spoken_plays: DataFrame) -> DataFrame:
    return transforms.show_metrics(episode_metrics, daily_spoken_plays)
