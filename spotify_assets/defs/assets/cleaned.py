"""Cleaned tables: every landed record, kept or rejected."""

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.model import TABLES
from spotify_assets.settings import Settings
from spotify_assets.windows import span_of, windows_of


@lake_table
def plays(
    context: dg.AssetExecutionContext,
    raw_plays: DataFrame,
    raw_files: DataFrame,
    raw_exclusions: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    window = span_of(context.partition_keys, windows_of(TABLES["plays"], settings))
    return transforms.plays(raw_plays, raw_files, raw_exclusions, settings=settings, window=window)


@lake_table
def playlist_tracks(raw_playlists: DataFrame) -> DataFrame:
    return transforms.playlist_tracks(raw_playlists)


@lake_table
def track_catalogue(playlist_tracks: DataFrame, track_metadata: DataFrame) -> DataFrame:
    return transforms.track_catalogue(playlist_tracks, track_metadata)


@lake_table
def catalog_artists(raw_catalog_artists: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    return transforms.catalog_artists(raw_catalog_artists, raw_catalog_files)


@lake_table
def catalog_features(raw_catalog_features: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    return transforms.catalog_features(raw_catalog_features, raw_catalog_files)


@lake_table
def catalog_albums(raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    return transforms.catalog_albums(raw_catalog_albums, raw_catalog_files)


@lake_table
def catalog_track_metadata(
    raw_catalog_tracks: DataFrame, raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame
) -> DataFrame:
    return transforms.catalog_track_metadata(raw_catalog_tracks, raw_catalog_albums, raw_catalog_files)


@lake_table
def rejected_plays(
    context: dg.AssetExecutionContext,
    raw_plays: DataFrame,
    raw_files: DataFrame,
    raw_exclusions: DataFrame,
    settings: dg.ResourceParam[Settings],
) -> DataFrame:
    window = span_of(context.partition_keys, windows_of(TABLES["rejected_plays"], settings))
    return transforms.rejected_plays(raw_plays, raw_files, raw_exclusions, settings=settings, window=window)


@lake_table
def catalog_tracks(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    catalog_features: DataFrame,
    raw_catalog_files: DataFrame,
) -> DataFrame:
    return transforms.catalog_tracks(
        raw_catalog_tracks, raw_catalog_albums, catalog_albums, catalog_artists, catalog_features, raw_catalog_files
    )


@lake_table
def catalog_tracks_rejects(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    raw_catalog_files: DataFrame,
    catalog_tracks: DataFrame,
) -> DataFrame:
    return transforms.catalog_tracks_rejects(
        raw_catalog_tracks, raw_catalog_albums, catalog_albums, catalog_artists, raw_catalog_files, catalog_tracks
    )


@lake_table
def genre_families(
    raw_catalog_artists: DataFrame,
    raw_catalog_tracks: DataFrame,
    artist_metadata: DataFrame,
    album_metadata: DataFrame,
    raw_genre_overrides: DataFrame,
) -> DataFrame:
    return transforms.genre_families(
        raw_catalog_artists, raw_catalog_tracks, artist_metadata, album_metadata, raw_genre_overrides
    )
