"""`catalog_tracks`: the inner join of artist, album and track in catalogue files; and the rows that it leaves out."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.transforms.aggregates import MAX_SORTABLE, SORTABLE_DIGITS
from spotify_assets.transforms.catalog_files import (
    HIGHEST_POPULARITY,
    as_stored,
    newest,
    value_of,
    with_position,
)
from spotify_assets.transforms.catalog_values import (
    artist_list,
    flag,
    genre_list,
    number,
    release_date,
    release_precision,
    release_text,
    text_list,
    told,
    within,
)
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import artist_key, content_key, id_from_uri

ALBUM_TYPES = ("album", "single", "compilation")
ALBUM_VALUES = (
    "album_id", "album_name", "album_type", "album_popularity", "label", "total_tracks", "release",
    "album_artist_id", "album_artist_name",
)  # fmt: skip
# What rows of albums tell of a track on it.
ON_ALBUM = ("track_name", "track_number", "disc_number", "duration_ms")
DATE_LENGTH = len("1999-12-31")
NO_DATE = "9999-99-99"
LONGEST_MS = 24 * 60 * 60 * 1000
MOST_TRACKS = 10_000


def catalog_tracks(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    catalog_features: DataFrame,
    raw_catalog_files: DataFrame,
) -> DataFrame:
    """One row per track in catalogue files of which they also have the artist and an album.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_albums: Whole table.
        catalog_artists: Whole table.
        catalog_features: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    types = TABLES["catalog_tracks"].spark_types
    judged = _judged(raw_catalog_tracks, raw_catalog_albums, catalog_artists, raw_catalog_files)
    features = [name for name in TABLES["catalog_features"].columns if name in types and name not in judged.columns]
    joined = broadcast_join(
        judged.where("reason IS NULL"), catalog_features.select("track_key", *features), "track_key", "left"
    )
    # A list keeps the type that it has: a cast would name its elements as Sail does, and not as the table.
    return joined.select(
        *[name if types[name].startswith("array") else F.col(name).cast(types[name]).alias(name) for name in types]
    )


def catalog_tracks_rejects(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    raw_catalog_files: DataFrame,
) -> DataFrame:
    """One row per row of `raw_catalog_tracks` that is not in `catalog_tracks`, with the first reason that applies.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_albums: Whole table.
        catalog_artists: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    judged = _judged(raw_catalog_tracks, raw_catalog_albums, catalog_artists, raw_catalog_files)
    rejected = judged.where("reason IS NOT NULL").select("source_file", "source_row", "reason")
    return rejected.join(raw_catalog_tracks, ["source_file", "source_row"]).select(
        *TABLES["catalog_tracks_rejects"].columns
    )


def _judged(
    raw_catalog_tracks: DataFrame,
    raw_catalog_albums: DataFrame,
    catalog_artists: DataFrame,
    raw_catalog_files: DataFrame,
) -> DataFrame:
    """One row per row of `raw_catalog_tracks`: what `catalog_tracks` holds of it, and `reason`, null where it does."""
    rows = _album_rows(raw_catalog_albums, raw_catalog_files)
    albums = (
        rows.groupBy("catalog_album_key")
        .agg(*[newest(name).alias(name) for name in ALBUM_VALUES])
        .select("catalog_album_key", *[value_of(name).alias(name) for name in ALBUM_VALUES])
        .where("album_id IS NOT NULL OR (album_name IS NOT NULL AND album_artist_name IS NOT NULL)")
    )
    tracks = _tracks(raw_catalog_tracks, raw_catalog_files).join(_on_albums(rows), "track_key", "left")
    tracks = tracks.withColumns(
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
    return (
        joined.withColumns(
            {
                "reason": F.coalesce("reason", F.when(F.col("position") > first, F.lit("duplicate_id"))),
                "release": F.coalesce("release", "own_release"),
                "genres": F.when(F.col("genres").isNotNull(), F.col("genres")).when(
                    F.size("track_genres") > 0, F.col("track_genres")
                ),
            }
        )
        .withColumn("release_date", release_date(F.col("release")))
        .withColumn("release_date_precision", release_precision(F.col("release")))
    )


def _told(rows: DataFrame, *names: str) -> DataFrame:
    """The rows, with null for what programs write where a value is missing."""
    return rows.withColumns({name: told(F.col(name)) for name in names})


def _with_numbers(rows: DataFrame, **bounds: tuple[float, float]) -> DataFrame:
    """The rows, with these columns as whole numbers within bounds; null where they are none."""
    rows = rows.withColumns({name: number(F.col(name)) for name in bounds})
    rows = rows.withColumns({name: F.when(F.col(name) == F.floor(name), F.col(name)) for name in bounds})
    return rows.withColumns({name: within(F.col(name), *limits).try_cast("bigint") for name, limits in bounds.items()})


def _own_release() -> Column:
    return release_text(told(F.col("release_date")), *map(F.col, ("release_year", "release_month", "release_day")))


def _tracks(raw_catalog_tracks: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """Typed rows of tracks, also those that can't be split into columns, with their `position`.

    Each step names what the next uses several times: engines plan nested expressions in far more time.
    """
    checked = ("popularity", "explicit", "duration_ms", "track_id")
    rows = with_position(raw_catalog_tracks, raw_catalog_files)
    rows = _told(rows, *checked, "duration_sec", "artist_ids", "album_id", "genres")
    rows = rows.withColumns(
        {
            "names": artist_list(F.col("artist_names"), F.col("artist_count")),
            "ids": text_list(F.col("artist_ids"), ",;"),
            "own_release": _own_release(),
            "duration_ms": F.coalesce("duration_ms", (number(F.col("duration_sec")) * 1000).cast("string")),
            "track_genres": genre_list(F.col("genres")),
        }
    )
    rows = rows.withColumns({f"given_{name}": F.col(name).isNotNull() for name in checked})
    rows = _with_numbers(
        rows,
        popularity=(0, HIGHEST_POPULARITY),
        duration_ms=(0, LONGEST_MS),
        track_number=(0, MOST_TRACKS),
        disc_number=(0, MOST_TRACKS),
    )
    rows = rows.withColumns(
        {
            "explicit": flag(F.col("explicit")),
            "track_id": id_from_uri(F.col("track_id"), "track"),
            "own_album_id": id_from_uri(F.col("album_id"), "album"),
            "own_artist_name": F.get("names", F.lit(0)),
            "own_artist_id": id_from_uri(F.get("ids", F.lit(0)), "artist"),
        }
    )
    is_named = F.col("track_name").isNotNull() & F.col("own_artist_name").isNotNull()
    is_bad = ~(F.col("track_id").isNotNull() | is_named)
    for name in checked:
        is_bad = is_bad | (F.col(f"given_{name}") & F.col(name).isNull())
    by_name = content_key(F.lit(None).cast("string"), F.col("own_artist_name"), F.col("album_name"))
    has_album = F.col("own_artist_name").isNotNull() & F.col("album_name").isNotNull()
    return rows.select(
        *["source_file", "source_row", "position", "problem", *checked, "track_number", "disc_number", "isrc"],
        *["track_name", "own_artist_name", "own_artist_id", "own_release"],
        is_bad.alias("is_bad"),
        content_key(F.col("track_id"), F.col("own_artist_name"), F.col("track_name")).alias("track_key"),
        as_stored(F.col("names"), "feeds").alias("artist_names"),
        as_stored(F.transform("ids", lambda id_: F.regexp_extract(id_, "[^:/]*$", 0)), "feeds").alias("artist_ids"),
        as_stored(F.col("track_genres"), "feeds").alias("track_genres"),
        F.coalesce("own_album_id", F.when(has_album, by_name)).alias("own_album_key"),
    )


def _album_rows(raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """Typed rows of albums. `catalog_album_key` is null where there is neither an id nor a name and an artist.

    No filter: Sail fails to push one that holds a lambda function down to a Delta table.
    """
    rows = with_position(raw_catalog_albums.where("problem IS NULL"), raw_catalog_files)
    rows = _told(rows, "popularity", "duration_ms", "duration_sec", "artist_ids", "album_id", "track_id")
    rows = rows.withColumns(
        {
            "album_artist_name": F.get(artist_list(F.col("artist_names"), F.lit(None).cast("string")), F.lit(0)),
            "first_id": F.get(text_list(F.col("artist_ids"), ",;"), F.lit(0)),
            "album_type": F.lower("album_type"),
            "release": _own_release(),
            "duration_ms": F.coalesce("duration_ms", (number(F.col("duration_sec")) * 1000).cast("string")),
        }
    )
    rows = _with_numbers(
        rows,
        popularity=(0, HIGHEST_POPULARITY),
        duration_ms=(0, LONGEST_MS),
        total_tracks=(0, MOST_TRACKS),
        track_number=(0, MOST_TRACKS),
        disc_number=(0, MOST_TRACKS),
    )
    rows = rows.withColumns(
        {
            "album_id": id_from_uri(F.col("album_id"), "album"),
            "track_id": id_from_uri(F.col("track_id"), "track"),
            "album_artist_id": id_from_uri(F.col("first_id"), "artist"),
            "album_type": F.when(F.col("album_type").isin(*ALBUM_TYPES), F.col("album_type")),
        }
    )
    is_named = F.col("track_name").isNotNull() & F.col("album_artist_name").isNotNull()
    track_key = content_key(F.col("track_id"), F.col("album_artist_name"), F.col("track_name"))
    has_key = F.col("album_id").isNotNull() | (
        F.col("album_name").isNotNull() & F.col("album_artist_name").isNotNull()
    )
    album_key = content_key(F.col("album_id"), F.col("album_artist_name"), F.col("album_name"))
    return rows.select(
        "position",
        F.when(has_key, album_key).alias("catalog_album_key"),
        F.when(F.col("track_id").isNotNull() | is_named, track_key).alias("track_key"),
        F.col("popularity").alias("album_popularity"),
        *[name for name in (*ALBUM_VALUES, *ON_ALBUM) if name != "album_popularity"],
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
