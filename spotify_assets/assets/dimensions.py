"""Dimensions, built from partial aggregates and never from all plays again."""

import dagster as dg
from pyspark.sql import DataFrame

from spotify_assets import transforms
from spotify_assets.assets.declare import lake_table
from spotify_assets.resources import SparkResource
from spotify_assets.settings import Settings


@lake_table
def dim_listener(hourly_listening: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.dim_listener(hourly_listening, settings=settings)


@lake_table
def dim_date(hourly_listening: DataFrame) -> DataFrame:
    return transforms.dim_date(hourly_listening)


@lake_table
def dim_time(spark: SparkResource) -> DataFrame:
    return transforms.dim_time(spark=spark.session)


@lake_table
def dim_reason(spark: SparkResource) -> DataFrame:
    return transforms.dim_reason(spark=spark.session)


@lake_table
def dim_platform(hourly_listening: DataFrame) -> DataFrame:
    return transforms.dim_platform(hourly_listening)


@lake_table
def dim_artist(monthly_content: DataFrame) -> DataFrame:
    return transforms.dim_artist(monthly_content)


@lake_table
def dim_album(monthly_content: DataFrame) -> DataFrame:
    return transforms.dim_album(monthly_content)


@lake_table
def dim_track(monthly_content: DataFrame) -> DataFrame:
    return transforms.dim_track(monthly_content)


@lake_table
def dim_episode(monthly_content: DataFrame) -> DataFrame:
    return transforms.dim_episode(monthly_content)


@lake_table
def bridge_track_artist(dim_track: DataFrame) -> DataFrame:
    return transforms.bridge_track_artist(dim_track)
