"""Dimensions, built from partial aggregates instead of all plays."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.settings import Settings


@lake_table
def dim_listener(hourly_listening: DataFrame, settings: dg.ResourceParam[Settings]) -> DataFrame:
    return transforms.dim_listener(hourly_listening, settings=settings)


@lake_table
def dim_date(hourly_listening: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    return transforms.dim_date(hourly_listening, raw_playlist_files)


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
def dim_artist(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    artist_metadata: DataFrame,
    catalog_artists: DataFrame,
    raw_genre_overrides: DataFrame,
    genre_families: DataFrame,
    raw_merges: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    return transforms.dim_artist(
        monthly_content,
        track_catalogue,
        artist_metadata,
        catalog_artists,
        raw_genre_overrides,
        genre_families,
        raw_merges,
        raw_library,
    )


@lake_table
def dim_album(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    album_metadata: DataFrame,
    catalog_albums: DataFrame,
    dim_artist: DataFrame,
    raw_merges: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    return transforms.dim_album(
        monthly_content, track_catalogue, album_metadata, catalog_albums, dim_artist, raw_merges, raw_library
    )


@lake_table
def dim_recording(
    monthly_content: DataFrame, track_catalogue: DataFrame, catalog_track_metadata: DataFrame, raw_merges: DataFrame
) -> DataFrame:
    return transforms.dim_recording(monthly_content, track_catalogue, catalog_track_metadata, raw_merges)


@lake_table
def dim_track(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    audio_features_metadata: DataFrame,
    catalog_track_metadata: DataFrame,
    catalog_features: DataFrame,
    dim_artist: DataFrame,
    genre_families: DataFrame,
    dim_recording: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    return transforms.dim_track(
        monthly_content,
        track_catalogue,
        audio_features_metadata,
        catalog_track_metadata,
        catalog_features,
        dim_artist,
        genre_families,
        dim_recording,
        raw_library,
    )


@lake_table
def dim_episode(monthly_content: DataFrame, playlist_tracks: DataFrame, raw_library: DataFrame) -> DataFrame:
    return transforms.dim_episode(monthly_content, playlist_tracks, raw_library)


@lake_table
def bridge_track_artist(dim_track: DataFrame, track_catalogue: DataFrame) -> DataFrame:
    return transforms.bridge_track_artist(dim_track, track_catalogue)


@lake_table
def dim_playlist(raw_playlist_files: DataFrame) -> DataFrame:
    return transforms.dim_playlist(raw_playlist_files)
