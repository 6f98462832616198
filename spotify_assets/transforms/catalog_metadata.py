"""What catalogue files tell of tracks and albums, by id and by name, for the dimensions to look up.

A file's row counts under the id and under the names that it has, so that a track or album of which no file has the id
is found by its names. Of each group of attributes the newest file counts that has any of them.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.transforms.aggregates import MAX_NAME_LENGTH
from spotify_assets.transforms.catalog_files import (
    newest,
    packed,
    under_each_key,
    unpacked,
    value_of,
    with_source,
)
from spotify_assets.transforms.catalog_rows import catalog_album_rows, catalog_track_rows
from spotify_assets.transforms.catalog_values import release_date, release_precision
from spotify_assets.transforms.joins import union_by_name
from spotify_assets.transforms.keys import SEPARATOR, is_spotify_id

# Before the position of a release: the date that a file tells of a track comes before those of albums with it.
OF_TRACK, OF_ALBUM = "0", "1"
# A release as text of one length: `1999------`.
RELEASE_LENGTH = len("1999-12-31")


def catalog_albums(raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """One row per id of an album in catalogue files, and one per artist and name.

    Args:
        raw_catalog_albums: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    rows = (
        catalog_album_rows(raw_catalog_albums, raw_catalog_files)
        .drop("catalog_album_key")
        .withColumns(
            {"kind": packed(F.col("album_type"), F.col("total_tracks")), "popularity": F.col("album_popularity")}
        )
    )
    names = ("album_id", "album_name", "album_artist_id", "album_artist_name")
    groups = ("release", "label", "popularity")
    albums = _newest_of_each(
        under_each_key(rows, "catalog_album_key", "album_id", "album_artist_name", "album_name"),
        "catalog_album_key",
        (*names, *groups, "kind"),
    )
    for group in groups:
        albums = with_source(albums, raw_catalog_files, group, f"{group}_source")
    release = value_of("release")
    return albums.select(
        "catalog_album_key",
        *[value_of(name).alias(name) for name in names],
        *unpacked("catalog_albums", value_of("kind"), "album_type", "total_tracks"),
        release_date(release).alias("release_date"),
        release_precision(release).alias("release_date_precision"),
        "release_source",
        value_of("label").alias("label"),
        "label_source",
        value_of("popularity").cast("int").alias("popularity"),
        "popularity_source",
    )


def catalog_track_metadata(
    raw_catalog_tracks: DataFrame, raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame
) -> DataFrame:
    """One row per id of a track in catalogue files, and one per artist and name.

    The release is that of the newest file of tracks that has one, else the earliest of the albums with the track.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_albums: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    genres = F.when(F.size("track_genres") > 0, F.array_join("track_genres", SEPARATOR))
    of_tracks = (
        catalog_track_rows(raw_catalog_tracks, raw_catalog_files)
        .withColumn("is_dated", release_date(F.col("own_release")).isNotNull())
        .select(
            "position",
            "track_id",
            "track_name",
            F.col("own_artist_name").alias("artist_name"),
            "popularity",
            packed(F.col("duration_ms"), F.col("explicit")).alias("recording"),
            "isrc",
            genres.alias("genres"),
            F.when(F.col("is_dated"), F.concat_ws("", F.lit(OF_TRACK), "position", "own_release")).alias("release"),
            "feeds",
        )
    )
    # A file that has both tells the same of the track in both.
    only_albums = raw_catalog_files.where(~F.array_contains("feeds", "tracks"))
    of_albums = (
        catalog_album_rows(raw_catalog_albums, only_albums)
        .withColumn("released", release_date(F.col("release")).cast("string"))
        .select(
            "position",
            "track_id",
            "track_name",
            F.col("album_artist_name").alias("artist_name"),
            packed(F.col("duration_ms"), F.lit(None).cast("boolean")).alias("recording"),
            F.when(
                F.col("released").isNotNull(), F.concat_ws("", F.lit(OF_ALBUM), "released", "position", "release")
            ).alias("release"),
            "feeds",
        )
    )
    rows = under_each_key(
        union_by_name(of_tracks, of_albums), "catalog_track_key", "track_id", "artist_name", "track_name"
    )
    groups = ("popularity", "recording", "isrc", "genres")
    tracks = _newest_of_each(rows, "catalog_track_key", groups, F.min("release").alias("release"))
    # As by `newest`: position and value.
    place = F.when(F.col("release").startswith(OF_TRACK), 2).otherwise(2 + RELEASE_LENGTH)
    tracks = tracks.withColumn("release", F.substring(F.col("release"), place, F.lit(MAX_NAME_LENGTH)))
    for group in (*groups, "release"):
        tracks = with_source(tracks, raw_catalog_files, group, f"{group}_source")
    release = value_of("release")
    return tracks.select(
        "catalog_track_key",
        value_of("popularity").cast("int").alias("popularity"),
        "popularity_source",
        *unpacked("catalog_track_metadata", value_of("recording"), "duration_ms", "explicit"),
        "recording_source",
        value_of("isrc").alias("isrc"),
        "isrc_source",
        release_date(release).alias("release_date"),
        release_precision(release).alias("release_date_precision"),
        "release_source",
        F.split(value_of("genres"), SEPARATOR).alias("genres"),
        "genres_source",
    )


def _newest_of_each(rows: DataFrame, key: str, names: tuple[str, ...], *others: Column) -> DataFrame:
    """One row per key, with `newest` of these columns."""
    return (
        rows.groupBy(key)
        .agg(
            *[newest(name).alias(name) for name in names],
            *others,
            F.max(is_spotify_id(F.col(key))).alias("has_id"),
            F.first("feeds").alias("feeds"),
        )
        .where("has_id IS NOT NULL")
    )
