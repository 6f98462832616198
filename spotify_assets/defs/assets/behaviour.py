"""Metrics of how a listener plays."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.settings import Settings


@lake_table
def monthly_behaviour(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.monthly_behaviour(plays, settings=settings)


@lake_table
def monthly_play_lengths(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.monthly_play_lengths(plays, settings=settings)


@lake_table
def listening_behaviour(
    monthly_behaviour: DataFrame,
    hourly_listening: DataFrame,
    session_edges: DataFrame,
    dim_platform: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    return transforms.listening_behaviour(
        monthly_behaviour, hourly_listening, session_edges, dim_platform, settings=settings
    )


@lake_table
def play_lengths(monthly_play_lengths: DataFrame) -> DataFrame:
    return transforms.play_lengths(monthly_play_lengths)
