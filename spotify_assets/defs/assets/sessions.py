"""Sessions: partial aggregates by partition, and the table combined from them."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.settings import Settings


@lake_table
def session_parts(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.session_parts(plays, settings=settings)


@lake_table
def session_edges(plays: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.session_edges(plays, settings=settings)


@lake_table
def listening_sessions(
    session_parts: DataFrame, session_edges: DataFrame, settings: dg.ResourceParam[Settings]
) -> DataFrame:
    return transforms.listening_sessions(session_parts, session_edges, settings=settings)
