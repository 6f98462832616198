"""Tables of what landed catalogue files tell: values that can't be read are null, and the newest file counts."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.conditions import any_of
from spotify_assets.model import TABLES
from spotify_assets.model.catalogue import SHARES
from spotify_assets.transforms.aggregates import MAX_NAME_LENGTH
from spotify_assets.transforms.catalog_values import (
    KEYS,
    LIST_TEXT,
    MODES,
    artist_list,
    genre_list,
    named_or_number,
    number,
    share,
    text_list,
    told,
    whole_number,
    within,
)
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import (
    SEPARATOR,
    artist_key,
    content_key,
    id_from_uri,
    is_spotify_id,
    name_key,
    recording_key,
)

# A row's position, by newest file and row, is at least this: positions as text have one length, and sort alike.
FIRST_POSITION = 1_000_000_000_000_000_000
POSITION_DIGITS = 19
MAX_FILE_ROWS = 1 << 40
HIGHEST_POPULARITY = 100
# Text of several artists, and of several ids. Sail can't push a filter with a lambda function down to a Delta table:
# rows are told by their text, and groups by what their rows gave.
SEVERAL = r"""^\[.*['"], ?['"].*\]\z|;"""
SEVERAL_IDS = "[,;]"


def catalog_artists(raw_catalog_artists: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """One row per artist in catalogue files, by id, else by name.

    Rows of several artists are passed over: what they tell can't be told apart.

    Args:
        raw_catalog_artists: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    names = artist_list(F.col("artist_names"), F.lit(None).cast("string"))
    ids = text_list(told(F.col("artist_ids")), ",;")
    popularity = within(whole_number(F.col("popularity")), 0, HIGHEST_POPULARITY)
    followers = whole_number(F.col("followers"))
    genres = genre_list(told(F.col("genres")))
    rows = (
        with_position(raw_catalog_artists.where("problem IS NULL"), raw_catalog_files)
        .where(~F.coalesce(F.col("artist_ids").rlike(SEVERAL_IDS), F.col("artist_names").rlike(SEVERAL), F.lit(False)))
        .select(
            # With an id it is the name of one, whatever it holds.
            F.when(F.col("artist_ids").isNotNull() & ~F.col("artist_names").rlike(LIST_TEXT), F.col("artist_names"))
            .otherwise(F.get(names, F.lit(0)))
            .alias("artist_name"),
            id_from_uri(F.get(ids, F.lit(0)), "artist").alias("artist_id"),
            packed(popularity, F.when(followers >= 0, followers)).alias("popularity"),
            F.when(F.size(genres) > 0, F.array_join(genres, SEPARATOR)).alias("genres"),
            "position",
            "feeds",
        )
        .withColumn(
            "catalog_artist_key", content_key(F.col("artist_id"), F.lit(None).cast("string"), F.col("artist_name"))
        )
    )
    artists = rows.groupBy("catalog_artist_key").agg(
        F.max("artist_id").alias("artist_id"),
        F.first("feeds").alias("feeds"),
        *[newest(name).alias(name) for name in ("artist_name", "popularity", "genres")],
    )
    artists = artists.where("artist_id IS NOT NULL OR artist_name IS NOT NULL")
    artists = with_source(artists, raw_catalog_files, "popularity", "popularity_source")
    artists = with_source(artists, raw_catalog_files, "genres", "genres_source")
    name = value_of("artist_name")
    genres = F.split(value_of("genres"), SEPARATOR)
    return artists.select(
        "catalog_artist_key",
        "artist_id",
        name.alias("artist_name"),
        artist_key(name).alias("artist_key"),
        *unpacked("catalog_artists", value_of("popularity"), "popularity", "followers"),
        "popularity_source",
        genres.alias("genres"),
        "genres_source",
    )


def catalog_features(raw_catalog_features: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """One row per id of a track with audio features in catalogue files, and one per artist and name.

    Args:
        raw_catalog_features: Whole table.
        raw_catalog_files: Whole table: when files were landed.
    """
    artist = F.get(artist_list(F.col("artist_names"), F.col("artist_count")), F.lit(0))
    tempo = number(F.col("tempo"))
    values = {
        **{name: share(F.col(name)) for name in SHARES},
        "loudness": number(F.col("loudness")),
        "tempo": F.when(tempo > 0, tempo),
        "key": within(named_or_number(F.col("key"), KEYS), 0, 11),
        "mode": within(named_or_number(F.col("mode"), MODES), 0, 1),
        "time_signature": whole_number(F.col("time_signature")),
    }
    types = TABLES["catalog_features"].spark_types
    rows = (
        with_position(raw_catalog_features.where("problem IS NULL"), raw_catalog_files)
        .select(
            "position",
            id_from_uri(told(F.col("track_id")), "track").alias("track_id"),
            "track_name",
            artist.alias("artist_name"),
            *[value.cast(types[name]).alias(name) for name, value in values.items()],
        )
        .where(F.coalesce(*[F.col(name).cast("double") for name in values]).isNotNull())
    )
    tracks = (
        under_each_key(rows, "track_key", "track_id", "artist_name", "track_name")
        .groupBy("track_key")
        .agg(
            F.max(is_spotify_id(F.col("track_key"))).alias("has_id"),
            F.min("position").alias("position"),
            *[newest(name).alias(name) for name in ("track_name", "artist_name")],
        )
        .where("has_id IS NOT NULL")
        .withColumns({name: value_of(name) for name in ("track_name", "artist_name")})
        .withColumn("track_id", F.when(F.col("has_id"), F.col("track_key")))
    )
    tracks = with_source(tracks, raw_catalog_files, "position", "features_source")
    return (
        tracks.withColumn(
            "recording_key", recording_key(F.col("artist_name"), F.col("track_name"), F.col("track_key"))
        )
        # By a number: texts of fourteen values, of which the smallest is taken, took three times as long.
        .join(rows.select("position", *values), "position")
        .drop("position", "has_id")
    )


def with_position(rows: DataFrame, raw_catalog_files: DataFrame) -> DataFrame:
    """The rows with `position`: smallest for the row that counts, which is that of the
    newest file, then of the first file by name, then the first row; and `feeds`.
    """
    position = F.lit(FIRST_POSITION) + F.col("file_number") * F.lit(MAX_FILE_ROWS) + F.col("source_row")
    files = _with_number(raw_catalog_files).select("source_file", "file_number", "feeds")
    return broadcast_join(files, rows, "source_file", "inner").withColumn("position", position)


def _with_number(raw_catalog_files: DataFrame) -> DataFrame:
    """The files with `file_number`, from the newest one; those of one time are in order of their names."""
    # Partitioned by a constant: engines warn of a window without partitions, and files are few.
    newest_first = Window.partitionBy(F.lit(1)).orderBy(F.desc("landed_at"), "source_file")
    return raw_catalog_files.withColumn("file_number", F.row_number().over(newest_first).cast("bigint"))


def with_source(rows: DataFrame, raw_catalog_files: DataFrame, name: str, source: str) -> DataFrame:
    """Add the file that a position is of, or that a value of `newest` is from; null for null."""
    position = F.substring(F.col(name).cast("string"), 1, POSITION_DIGITS).cast("bigint")
    number = F.floor((position - F.lit(FIRST_POSITION)) / F.lit(MAX_FILE_ROWS)).cast("bigint")
    files = _with_number(raw_catalog_files).select("file_number", F.col("source_file").alias(source))
    numbered = rows.withColumn("number", number)
    return broadcast_join(files, numbered, F.col("file_number") == F.col("number"), "right").drop(
        "file_number", "number"
    )


def newest(name: str) -> Column:
    """Aggregate: what `value_of` takes: the value of the row that counts, nulls apart."""
    return F.min(F.when(F.col(name).isNotNull(), F.concat_ws("", F.col("position").cast("string"), name)))


def value_of(name: str) -> Column:
    return F.substring(name, 1 + POSITION_DIGITS, MAX_NAME_LENGTH)


def under_each_key(rows: DataFrame, key: str, id_: str, artist: str, name: str) -> DataFrame:
    """Each row under its id, and under its names: with `key`, as of `content_key`.

    A key is null where the row has no id, or a name is missing. It can't be filtered by here, as names come from
    lists: groups of null keys are to be dropped.
    """
    is_named = F.col(artist).isNotNull() & F.col(name).isNotNull()
    by_name = F.when(is_named, name_key(F.col(artist), F.col(name)))
    return rows.withColumn("by_name", by_name).select("*", F.explode(F.array(id_, "by_name")).alias(key))


def packed(*values: Column) -> Column:
    """Values as one text; null if all of them are null."""
    is_any = any_of([value.isNotNull() for value in values])
    return F.when(is_any, F.concat_ws(SEPARATOR, *[F.coalesce(value.cast("string"), F.lit("")) for value in values]))


def unpacked(table: str, packed: Column, *names: str) -> list[Column]:
    """Columns of a table from `packed` values."""
    types = TABLES[table].spark_types
    parts = F.split(packed, SEPARATOR)
    return [
        F.nullif(F.get(parts, F.lit(place)), F.lit("")).try_cast(types[name]).alias(name)
        for place, name in enumerate(names)
    ]
