"""Typed rows of catalogue files' raw tables: what the cleaned tables of the catalogue are computed from.

Each step names what the next uses several times: engines plan nested expressions in far more time.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.transforms.catalog_files import HIGHEST_POPULARITY, with_position
from spotify_assets.transforms.catalog_values import (
    artist_list,
    flag,
    genre_list,
    number,
    release_text,
    text_list,
    told,
    within,
)
from spotify_assets.transforms.keys import content_key, id_from_uri

ALBUM_TYPES = ("album", "single", "compilation")
# What rows of albums tell of a track on it.
ON_ALBUM = ("track_name", "track_number", "disc_number", "duration_ms")
# Characters, with hyphens. Databases refuse a longer text than the column's type says, and with it the whole refresh.
LONGEST_ISRC = 15
LONGEST_MS = 24 * 60 * 60 * 1000
MOST_TRACKS = 10_000


def _with_told(rows: DataFrame, *names: str) -> DataFrame:
    """The rows, with null for what programs write where a value is missing."""
    return rows.withColumns({name: told(F.col(name)) for name in names})


def _with_numbers(rows: DataFrame, **bounds: tuple[float, float]) -> DataFrame:
    """The rows, with these columns as whole numbers within bounds; null where they are none."""
    rows = rows.withColumns({name: number(F.col(name)) for name in bounds})
    rows = rows.withColumns({name: F.when(F.col(name) == F.floor(name), F.col(name)) for name in bounds})
    return rows.withColumns({name: within(F.col(name), *limits).try_cast("bigint") for name, limits in bounds.items()})


def _own_release() -> Column:
    return release_text(told(F.col("release_date")), *map(F.col, ("release_year", "release_month", "release_day")))


def catalog_track_rows(raw_catalog_tracks: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """Typed rows of tracks, also those that can't be split into columns, with their `position`."""
    checked = ("popularity", "explicit", "duration_ms", "track_id")
    rows = with_position(raw_catalog_tracks, raw_catalog_files)
    rows = _with_told(rows, *checked, "duration_sec", "artist_ids", "album_id", "genres", "isrc")
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
            "isrc": F.when(F.length("isrc") <= LONGEST_ISRC, F.col("isrc")),
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
        F.col("names").alias("artist_names"),
        F.transform("ids", lambda id_: F.regexp_extract(id_, "[^:/]*$", 0)).alias("artist_ids"),
        "track_genres",
        F.coalesce("own_album_id", F.when(has_album, by_name)).alias("own_album_key"),
        "feeds",
    )


def catalog_album_rows(raw_catalog_albums: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """Typed rows of albums. `catalog_album_key` is null where there is neither an id nor a name and an artist.

    No filter: Sail fails to push one that holds a lambda function down to a Delta table.
    """
    rows = with_position(raw_catalog_albums.where("problem IS NULL"), raw_catalog_files)
    rows = _with_told(rows, "popularity", "duration_ms", "duration_sec", "artist_ids", "album_id", "track_id", "label")
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
        "track_id",
        F.col("popularity").alias("album_popularity"),
        "album_id", "album_name", "album_type", "album_artist_id", "album_artist_name", "label", "total_tracks",
        "release", *ON_ALBUM, "feeds",
    )  # fmt: skip
