"""Attributes of dimensions that catalogue files tell, where the Web API and playlists don't.

The API comes first, then a file by id, then a file by names. Attributes that belong together are taken from one place,
and `<group>_source` says from which: `api`, or the file. Without catalogue files nothing is joined. Genres that a
person wrote replace all others; their source is `override`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.conditions import any_of
from spotify_assets.model import TABLES
from spotify_assets.model.catalogue import FEATURES
from spotify_assets.model.dimensions import FROM_API, FROM_OVERRIDE
from spotify_assets.transforms.aggregates import MAX_NAME_LENGTH, MAX_SORTABLE, SORTABLE_DIGITS
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.catalog_files import packed, unpacked
from spotify_assets.transforms.genres import main_family
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import name_key

Groups = Mapping[str, Sequence[str]]
# A key of the rows, a table of what files tell, and its key.
Lookup = tuple[Column, DataFrame, str]

# Between genres in text.
GENRES_SEPARATOR = ", "
RELEASE = ("release_date", "release_date_precision")
ARTIST_GROUPS: Groups = {"popularity": ("popularity", "followers"), "genres": ("genres",)}
ALBUM_GROUPS: Groups = {"release": RELEASE, "label": ("label",), "popularity": ("popularity",)}
TRACK_GROUPS: Groups = {
    "recording": ("duration_ms", "explicit"),
    "isrc": ("isrc",),
    "release": RELEASE,
    "popularity": ("popularity",),
    "genres": ("genres",),
}
FEATURE_GROUPS: Groups = {"features": FEATURES}


def enrich_artists(
    artists: DataFrame,
    artist_metadata: DataFrame,
    catalog_artists: DataFrame,
    written: DataFrame | None,
    genre_families: DataFrame,
) -> DataFrame:
    """Artists with `ARTIST_GROUPS` and `genre_family`. Genres that a person wrote come first.

    Of several artists of one name in files, the one with the most followers counts.

    Args:
        artists: Rows of `dim_artist` with the attributes that the Web API tells.
        artist_metadata: Whole table.
        catalog_artists: Whole table.
        written: Genres that a person wrote, by `artist_key`, as of `genre_overrides`.
        genre_families: Whole table.
    """
    told = catalog_artists.withColumn("genres", genres_text())
    lookups: list[Lookup] = []
    if has_rows(catalog_artists):
        lookups = [
            (F.col("artist_id"), told, "catalog_artist_key"),
            (F.col("artist_key"), artist_by_name(artists, told), "artist_key"),
        ]
    known = enriched("dim_artist", artists, lookups, ARTIST_GROUPS)
    texts = [rows.select(genres_text().alias("genres")) for rows in (artist_metadata, catalog_artists)]
    if written is not None:
        written = written.select("artist_key", genres_text().alias("written"))
        texts.append(written.select(F.col("written").alias("genres")))
        is_written = F.col("written").isNotNull()
        known = broadcast_join(written, known, "artist_key", "right").withColumns(
            {
                "genres_source": F.when(is_written, FROM_OVERRIDE).otherwise(F.col("genres_source")),
                "genres": F.coalesce("written", "genres"),
            }
        )
    return with_main_family(known, texts, genre_families)


def genres_text() -> Column:
    """The list `genres` as text, with commas; null where it is empty."""
    return F.nullif(F.array_join("genres", GENRES_SEPARATOR), F.lit(""))


def with_main_family(rows: DataFrame, texts: Iterable[DataFrame], genre_families: DataFrame) -> DataFrame:
    """Add `genre_family`; null where no genre is known at all.

    Args:
        rows: Rows with `genres` as text.
        texts: All texts that `genres` may have. They are few; the rows are a query, and would be computed twice.
        genre_families: Whole table.
    """
    if not has_rows(genre_families):
        return rows.withColumn("genre_family", F.lit(None).cast("string"))
    different = reduce(DataFrame.unionByName, texts).where("genres IS NOT NULL").distinct()
    listed = different.select(F.col("genres").alias("text"), F.split("genres", GENRES_SEPARATOR).alias("genres"))
    families = main_family(listed, genre_families, "text")
    return broadcast_join(families, rows, F.col("text") == F.col("genres"), "right").drop("text")


def artist_by_name(artists: DataFrame, told: DataFrame) -> DataFrame:
    """One row per name of these artists: of each group of attributes what is told of who has the most followers."""
    order = F.concat_ws("", MAX_SORTABLE - F.coalesce("followers", F.lit(0)), F.sha1("catalog_artist_key"))
    start = 1 + SORTABLE_DIGITS + 40
    values = {group: (*names, f"{group}_source") for group, names in ARTIST_GROUPS.items()}
    named = broadcast_join(artists.select("artist_key"), told, "artist_key", "inner").withColumn("order", order)
    best = named.groupBy("artist_key").agg(
        *[
            F.min(F.when(F.col(f"{group}_source").isNotNull(), F.concat("order", packed(*map(F.col, names))))).alias(
                f"{group}_values"
            )
            for group, names in values.items()
        ]
    )
    unpacked_values = [
        column
        for group, names in values.items()
        for column in unpacked("dim_artist", F.substring(f"{group}_values", start, MAX_NAME_LENGTH), *names)
    ]
    return best.select("artist_key", *unpacked_values)


def enrich_albums(albums: DataFrame, catalog_albums: DataFrame) -> DataFrame:
    """Albums with `ALBUM_GROUPS` and `release_year`.

    Args:
        albums: Rows of `dim_album` with the attributes that the Web API tells.
        catalog_albums: Whole table.
    """
    keys = (F.col("album_id"), name_key(F.col("artist_name"), F.col("album_name")))
    lookups = lookups_in(keys, catalog_albums, "catalog_album_key")
    return _with_year(enriched("dim_album", albums, lookups, ALBUM_GROUPS))


def enrich_tracks(
    tracks: DataFrame,
    audio_features_metadata: DataFrame,
    catalog_track_metadata: DataFrame,
    catalog_features: DataFrame,
    dim_artist: DataFrame,
    genre_families: DataFrame,
) -> DataFrame:
    """Tracks with `TRACK_GROUPS`, `FEATURE_GROUPS`, `release_year` and `genre_family`.

    Genres are those of the artist; where these are unknown, what files tell of the track.

    Args:
        tracks: Rows of `dim_track` with the attributes that the Web API tells, but for audio features.
        audio_features_metadata: Whole table.
        catalog_track_metadata: Whole table.
        catalog_features: Whole table.
        dim_artist: Whole table.
        genre_families: Whole table.
    """
    keys = (F.col("track_key"), name_key(F.col("artist_name"), F.col("track_name")))
    told = catalog_track_metadata.withColumn("genres", genres_text())
    tracks = enriched("dim_track", tracks, lookups_in(keys, told, "catalog_track_key"), TRACK_GROUPS)
    features = [
        *lookups_in(keys[:1], _features_told(audio_features_metadata), "track_id"),
        *lookups_in(keys, catalog_features, "track_key"),
    ]
    tracks = enriched("dim_track", tracks, features, FEATURE_GROUPS)
    if not has_rows(genre_families):
        return _with_year(tracks.withColumn("genre_family", F.lit(None).cast("string")))
    tracks = with_main_family(tracks, [told.select("genres")], genre_families)
    names = ("genres", "genres_source", "genre_family")
    of_artists = dim_artist.where("genres IS NOT NULL").select(
        "artist_key", *[F.col(name).alias(f"artist_{name}") for name in names]
    )
    is_told = F.col("artist_genres").isNotNull()
    joined = broadcast_join(of_artists, tracks, "artist_key", "right").withColumn("is_told", is_told)
    return _with_year(
        joined.withColumns(
            {name: F.when(F.col("is_told"), F.col(f"artist_{name}")).otherwise(F.col(name)) for name in names}
        )
    )


def _features_told(audio_features_metadata: DataFrame) -> DataFrame:
    """Responses that hold any audio feature, with `features_source`."""
    is_told = any_of([F.col(name).isNotNull() for name in FEATURES])
    return audio_features_metadata.where(is_told).withColumn("features_source", F.lit(FROM_API))


def lookups_in(keys: Iterable[Column], told: DataFrame, key: str) -> list[Lookup]:
    """A lookup in the table by each of these keys; none if it is empty."""
    return [(own, told, key) for own in keys] if has_rows(told) else []


def enriched(table: str, rows: DataFrame, lookups: Sequence[Lookup], groups: Groups) -> DataFrame:
    """The rows with each group of attributes from the first place that knows any of them, and its `*_source`.

    Args:
        table: Name of the table that the rows are of.
        rows: Rows with attributes as of the Web API; one that is missing is known to no response.
        lookups: Places to look in after these, in order.
        groups: Attributes by group.
    """
    types = TABLES[table].spark_types
    names = [name for of_group in groups.values() for name in of_group]
    others = [name for name in rows.columns if name not in names]
    for place, (own, told, key) in enumerate(lookups):
        found = told.select(
            F.col(key).alias(f"lookup_{place}"),
            *[F.col(name).alias(f"{name}_{place}") for name in (*names, *(f"{group}_source" for group in groups))],
        )
        rows = rows.withColumn(f"looked_up_{place}", own)
        rows = broadcast_join(rows, found, F.col(f"looked_up_{place}") == F.col(f"lookup_{place}"), "left")
    columns = []
    for group, of_group in groups.items():
        # What each place tells, in order: whether it does, its values, its source. Expressions stay small, as engines
        # plan each of them many times.
        known = [F.col(name).isNotNull() for name in of_group if name in rows.columns]
        places = [(any_of(known), "", F.lit(FROM_API))] if known else []
        for place in range(len(lookups)):
            source = F.col(f"{group}_source_{place}")
            places.append((source.isNotNull(), f"_{place}", source))
        for name in (*of_group, f"{group}_source"):
            value: Column | None = None
            for is_told, suffix, source in places:
                told_value = source if name.endswith("_source") else F.col(f"{name}{suffix}")
                if suffix or name in rows.columns or name.endswith("_source"):
                    value = F.when(is_told, told_value) if value is None else value.when(is_told, told_value)
            columns.append((F.lit(None) if value is None else value).cast(types[name]).alias(name))
    return rows.select(*others, *columns)


def _with_year(rows: DataFrame) -> DataFrame:
    return rows.withColumn("release_year", F.year("release_date"))
