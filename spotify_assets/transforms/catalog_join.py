"""`catalog_tracks`: the inner join of artist, album and track in catalogue files; and the rows that it leaves out."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.transforms.aggregates import MAX_SORTABLE, SORTABLE_DIGITS
from spotify_assets.transforms.catalog_files import newest, value_of
from spotify_assets.transforms.catalog_rows import ALBUM_TYPES, ON_ALBUM, catalog_album_rows, catalog_track_rows
from spotify_assets.transforms.catalog_values import release_date, release_precision
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import artist_key

DATE_LENGTH = len("1999-12-31")
NO_DATE = "9999-99-99"


def catalog_tracks(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    catalog_features: DataFrame,
    raw_catalog_files: DataFrame,
) -> DataFrame:
    """One row per track in catalogue files of which they also have the artist and an album.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_albums: Whole table.
        catalog_albums: Whole table.
        catalog_artists: Whole table.
        catalog_features: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    types = TABLES["catalog_tracks"].spark_types
    judged = _judged(raw_catalog_tracks, raw_catalog_albums, catalog_albums, catalog_artists, raw_catalog_files)
    features = [name for name in TABLES["catalog_features"].columns if name in types and name not in judged.columns]
    joined = broadcast_join(
        judged.where("reason IS NULL"), catalog_features.select("track_key", *features), "track_key", "left"
    ).withColumns({"genre": F.get("genres", F.lit(0)), "release_year": F.year("release_date")})
    # A list keeps the type that it has: a cast would name its elements as Sail does, and not as the table.
    return joined.select(
        *[name if types[name].startswith("array") else F.col(name).cast(types[name]).alias(name) for name in types]
    )


def catalog_tracks_rejects(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    raw_catalog_files: DataFrame,
    catalog_tracks: DataFrame,
) -> DataFrame:
    """One row per row of `raw_catalog_tracks` that is not in `catalog_tracks`, with the first reason that applies.

    Only these rows are judged again: a row that has no reason by itself is left out for the one of its track that is
    in `catalog_tracks`. Of 600,000 tracks, that takes half the CPU.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_albums: Whole table.
        catalog_albums: Whole table.
        catalog_artists: Whole table.
        raw_catalog_files: Whole table: when files were landed.
        catalog_tracks: Whole table: rows that are used.
    """
    row = ["source_file", "source_row"]
    others = raw_catalog_tracks.join(catalog_tracks.select(*row), row, "left_anti")
    judged = _judged(
        others, raw_catalog_albums, catalog_albums, catalog_artists, raw_catalog_files, are_few=True
    ).withColumn("reason", F.coalesce("reason", F.lit("duplicate_id")))
    return judged.select(*row, "reason").join(others, row).select(*TABLES["catalog_tracks_rejects"].columns)


def _judged(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    raw_catalog_files: DataFrame,
    *,
    are_few: bool = False,
) -> DataFrame:
    """One row per row of `raw_catalog_tracks`: what `catalog_tracks` holds of it, and `reason`, null where it does.

    With `are_few`, rows of albums that tell of no track of these are left out before they are grouped.
    """
    albums = catalog_albums.select(
        "catalog_album_key", "album_id", "album_name", "album_type", F.col("popularity").alias("album_popularity"),
        "label", "total_tracks", "album_artist_id", "album_artist_name", "release_date", "release_date_precision",
    )  # fmt: skip
    tracks = catalog_track_rows(raw_catalog_tracks, raw_catalog_files)
    on_albums = catalog_album_rows(raw_catalog_albums, raw_catalog_files)
    if are_few:
        on_albums = broadcast_join(tracks.select("track_key").distinct(), on_albums, "track_key", "inner")
    tracks = tracks.join(_on_albums(on_albums), "track_key", "left").withColumns(
        {
            **{name: F.coalesce(name, f"{name}_on_album") for name in ON_ALBUM},
            "wanted_album_key": F.coalesce("best_album_key", "own_album_key"),
        }
    )
    joined = tracks.join(albums, F.col("wanted_album_key") == F.col("catalog_album_key"), "left")
    joined = _with_artist(joined, catalog_artists).withColumn(
        "reason",
        F.when(F.col("problem").isNotNull(), "unreadable")
        .when(F.col("is_bad"), "bad_value")
        .when(F.col("catalog_album_key").isNull(), "no_album")
        .when(F.col("catalog_artist_key").isNull(), "no_artist"),
    )
    first = F.min(F.when(F.col("reason").isNull(), F.col("position"))).over(Window.partitionBy("track_key"))
    return joined.withColumns(
        {
            "reason": F.coalesce("reason", F.when(F.col("position") > first, F.lit("duplicate_id"))),
            "release_date_precision": F.coalesce("release_date_precision", release_precision(F.col("own_release"))),
            "release_date": F.coalesce("release_date", release_date(F.col("own_release"))),
            "genres": F.when(F.col("genres").isNotNull(), F.col("genres")).when(
                F.size("track_genres") > 0, F.col("track_genres")
            ),
        }
    )


def _on_albums(rows: DataFrame) -> DataFrame:
    """One row per track on an album: what rows of albums tell of it, and the key of the album that counts.

    That is the one with the earliest release, then by type, then by key.
    """
    rank = F.lit(len(ALBUM_TYPES))
    for place, type_ in enumerate(ALBUM_TYPES):
        rank = F.when(F.col("album_type") == type_, place).otherwise(rank)
    released = F.coalesce(release_date(F.col("release")).cast("string"), F.lit(NO_DATE))
    return (
        rows.withColumn(
            "order",
            F.when(
                F.col("catalog_album_key").isNotNull(),
                F.concat_ws("", released, rank.cast("string"), "catalog_album_key"),
            ),
        )
        .groupBy("track_key")
        .agg(F.min("order").alias("order"), *[newest(name).alias(name) for name in ON_ALBUM])
        .select(
            "track_key",
            F.substring("order", 2 + DATE_LENGTH, 64).alias("best_album_key"),
            *[
                value_of(name).try_cast("string" if name == "track_name" else "bigint").alias(f"{name}_on_album")
                for name in ON_ALBUM
            ],
        )
    )


def _with_artist(tracks: DataFrame, catalog_artists: DataFrame) -> DataFrame:
    """Add the artist: the track's first, else the album's; by id, or by name where neither tells an id.

    Of several artists of one name, that with the most followers is taken.
    """
    told_of = catalog_artists.select(
        "catalog_artist_key",
        "artist_key",
        "artist_name",
        F.col("popularity").alias("artist_popularity"),
        "followers",
        "genres",
    )
    followers = MAX_SORTABLE - F.coalesce("followers", F.lit(0))
    by_name = (
        told_of.where("artist_name IS NOT NULL")
        .groupBy("artist_key")
        .agg(F.min(F.concat_ws("", followers, "catalog_artist_key")).alias("order"))
        .select("artist_key", F.substring("order", 1 + SORTABLE_DIGITS, 64).alias("key_of_name"))
    )
    own_id = F.col("own_artist_id")
    is_told = own_id.isNotNull() | F.col("own_artist_name").isNotNull()
    wanted = tracks.withColumns(
        {
            "wanted_id": F.when(is_told, own_id).otherwise(F.col("album_artist_id")),
            "artist_key": artist_key(F.coalesce("own_artist_name", "album_artist_name")),
        }
    )
    named = broadcast_join(by_name, wanted, "artist_key", "right")
    named = named.withColumn("wanted_key", F.coalesce("wanted_id", "key_of_name")).drop("artist_key")
    found = told_of.drop("artist_key")
    return broadcast_join(found, named, F.col("wanted_key") == F.col("catalog_artist_key"), "right")
