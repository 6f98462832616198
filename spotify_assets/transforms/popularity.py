"""What makes a track popular: a gradient-boosted regression of popularity in catalogue files, and what it expects.

`popularity_tracks` holds what it learns from, and is computed by the engine. The four tables of the model follow from
it alone: they are computed in this process, from one fit (`spotify_assets.transforms.popularity_fit`), and are empty
where there are too few tracks or the library that fits is missing.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.popularity import MIN_POPULARITY, MODEL_FEATURES
from spotify_assets.model.raw import PLAYLISTS
from spotify_assets.transforms.asking import ask, ask_table, has_rows
from spotify_assets.transforms.catalog_files import newest, value_of, with_source
from spotify_assets.transforms.catalog_rows import catalog_track_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.enrich import (
    FEATURE_GROUPS,
    RELEASE,
    Groups,
    artist_by_name,
    enriched,
    genres_text,
    lookups_in,
    with_main_family,
)
from spotify_assets.transforms.genres import with_family
from spotify_assets.transforms.keys import artist_key, name_key, normalize_name, recording_key
from spotify_assets.transforms.popularity_fit import Fit, fit_popularity

GROUPS: Groups = {"recording": ("duration_ms", "explicit"), "release": RELEASE, "genres": ("genres",)}
ARTIST_GENRES: Groups = {"genres": ("genres",)}
MOST_POPULARITY = 100
DAYS_PER_YEAR = 365.25
DECIMALS = 3


def popularity_tracks(
    raw_catalog_tracks: DataFrame,
    raw_catalog_files: DataFrame,
    catalog_tracks: DataFrame,
    catalog_track_metadata: DataFrame,
    catalog_features: DataFrame,
    catalog_artists: DataFrame,
) -> DataFrame:
    """One row per recording whose popularity and artist a catalogue file tells.

    Exports of playlists are left out: a program wrote down there what the Web API answered.

    Args:
        raw_catalog_tracks: Whole table.
        raw_catalog_files: Whole table.
        catalog_tracks: Whole table: names of tracks whose own file has none.
        catalog_track_metadata: Whole table: length, `explicit`, release and genres.
        catalog_features: Whole table.
        catalog_artists: Whole table: genres.
    """
    spark = raw_catalog_tracks.sparkSession
    told_popularity = raw_catalog_tracks.where("popularity IS NOT NULL AND problem IS NULL")
    if not has_rows(told_popularity):
        return literal_rows(spark, "popularity_tracks", [])
    is_export = F.array_contains("feeds", PLAYLISTS)
    exports = [row["source_file"] for row in ask(raw_catalog_files.where(is_export).select("source_file"))]
    files = raw_catalog_files.where(~is_export)
    tracks = _recordings(_known_tracks(told_popularity, files, catalog_tracks, catalog_features))
    keys = (F.col("track_key"), name_key(F.col("artist_name"), F.col("track_name")))
    metadata = _without(catalog_track_metadata.withColumn("genres", genres_text()), GROUPS, exports)
    tracks = enriched("dim_track", tracks, lookups_in(keys, metadata, "catalog_track_key"), GROUPS)
    features = _without(catalog_features, FEATURE_GROUPS, exports)
    tracks = enriched("dim_track", tracks, lookups_in(keys, features, "track_key"), FEATURE_GROUPS)
    artists = _without(catalog_artists.withColumn("genres", genres_text()), ARTIST_GENRES, exports)
    return _with_ages(_with_artists(_with_genres(tracks, metadata, artists)))


def _known_tracks(
    raw_catalog_tracks: DataFrame, files: DataFrame, catalog_tracks: DataFrame, catalog_features: DataFrame
) -> DataFrame:
    """One row per key of a track, id or names: its popularity in the newest of these files, and its names."""
    rows = catalog_track_rows(raw_catalog_tracks, files)
    told = ("popularity", "track_name", "own_artist_name", "own_artist_id")
    tracks = rows.groupBy("track_key").agg(*[newest(name).alias(name) for name in told])
    tracks = with_source(tracks.where("popularity IS NOT NULL"), files, "popularity", "popularity_source")
    tracks = tracks.withColumns({name: value_of(name) for name in told})
    named = catalog_tracks.select(
        "track_key", F.col("track_name").alias("joined_name"), F.col("artist_name").alias("joined_artist")
    )
    heard = catalog_features.select(
        "track_key", F.col("track_name").alias("features_name"), F.col("artist_name").alias("features_artist")
    )
    return (
        tracks.join(named, "track_key", "left")
        .join(heard, "track_key", "left")
        .select(
            "track_key",
            F.col("popularity").cast("int").alias("popularity"),
            "popularity_source",
            F.coalesce("track_name", "joined_name", "features_name").alias("track_name"),
            F.coalesce("own_artist_name", "joined_artist", "features_artist").alias("artist_name"),
            F.col("own_artist_id").alias("artist_id"),
        )
        .where("track_key IS NOT NULL AND artist_name IS NOT NULL")
    )


def _recordings(tracks: DataFrame) -> DataFrame:
    """Of the ids of each recording the one with the highest popularity, then the smallest."""
    own = recording_key(F.col("artist_name"), F.col("track_name"), F.col("track_key"))
    order = F.concat(F.lpad((MOST_POPULARITY - F.col("popularity")).cast("string"), 3, "0"), "track_key")
    keyed = tracks.withColumns({"recording_key": own, "order": order})
    best = keyed.groupBy("recording_key").agg(F.min("order").alias("order"))
    return keyed.join(best, ["recording_key", "order"]).drop("order")


def _without(told: DataFrame, groups: Groups, exports: list[str]) -> DataFrame:
    """The table, with groups of attributes that are from one of these files as unknown."""
    if not exports:
        return told
    # Values count where their source is known: see `enriched`.
    sources = [f"{group}_source" for group in groups]
    return told.withColumns({name: F.when(~F.col(name).isin(exports), F.col(name)) for name in sources})


def _with_genres(tracks: DataFrame, metadata: DataFrame, catalog_artists: DataFrame) -> DataFrame:
    """Add `artist_key` and `genre_family`: of the artist's genres, by id, then by name; else of the track's own."""
    tracks = tracks.withColumnRenamed("genres", "own_genres").withColumn(
        "artist_key", artist_key(F.col("artist_name"))
    )
    known = catalog_artists.where("genres_source IS NOT NULL")
    by_name = artist_by_name(known.select("artist_key").distinct(), known)
    places = [(F.col("artist_id"), known, "catalog_artist_key"), (F.col("artist_key"), by_name, "artist_key")]
    tracks = enriched("dim_artist", tracks, places if has_rows(known) else [], ARTIST_GENRES)
    tracks = tracks.withColumn("genres", F.coalesce("genres", "own_genres"))
    texts = [rows.select("genres") for rows in (metadata, catalog_artists)]
    names = [rows.select(F.explode(F.split("genres", ", ")).alias("genre")) for rows in texts]
    genres = names[0].unionByName(names[1]).select(normalize_name(F.col("genre")).alias("genre")).distinct()
    return with_main_family(tracks, texts, with_family(genres.where("genre <> ''")))


def _with_artists(tracks: DataFrame) -> DataFrame:
    """Add `artist_popularity`, without the track itself: sums of whole numbers, so that their order doesn't show."""
    artist = Window.partitionBy("artist_key")
    known = F.when(F.col("popularity") >= MIN_POPULARITY, F.col("popularity"))
    counted = tracks.withColumn("known", known).withColumns(
        {"artist_sum": F.sum("known").over(artist), "artist_count": F.count("known").over(artist)}
    )
    others = F.col("artist_count") - F.col("known").isNotNull().cast("int")
    mean = (F.col("artist_sum") - F.coalesce("known", F.lit(0))) / F.nullif(others, F.lit(0))
    return counted.withColumn("artist_popularity", F.round(mean, DECIMALS))


def _with_ages(tracks: DataFrame) -> DataFrame:
    """Add `source_latest_release` and `years_since_release`, and select the table's columns."""
    latest = F.max("release_date").over(Window.partitionBy("popularity_source"))
    dated = tracks.withColumn("source_latest_release", latest)
    age = F.round(F.datediff("source_latest_release", "release_date") / DAYS_PER_YEAR, DECIMALS)
    return dated.withColumn("years_since_release", age).select(*TABLES["popularity_tracks"].columns)


def popularity_model(popularity_tracks: DataFrame) -> DataFrame:
    """One row: how well the model predicts tracks of artists that it has not seen; none without a model.

    Args:
        popularity_tracks: Whole table.
    """
    fit = popularity_fit(popularity_tracks)
    return _model_rows(popularity_tracks, "popularity_model", [fit.scores] if fit else [])


def popularity_model_features(popularity_tracks: DataFrame) -> DataFrame:
    """One row per feature: how much it tells of popularity.

    Args:
        popularity_tracks: Whole table.
    """
    fit = popularity_fit(popularity_tracks)
    return _model_rows(popularity_tracks, "popularity_model_features", fit.features if fit else [])


def popularity_model_effects(popularity_tracks: DataFrame) -> DataFrame:
    """One row per feature and value of it: what the model expects at that value.

    Args:
        popularity_tracks: Whole table.
    """
    fit = popularity_fit(popularity_tracks)
    return _model_rows(popularity_tracks, "popularity_model_effects", fit.effects if fit else [])


def popularity_predictions(popularity_tracks: DataFrame) -> DataFrame:
    """One row per recording with a popularity of `MIN_POPULARITY` or more: what the model expects of it.

    Args:
        popularity_tracks: Whole table.
    """
    fit = popularity_fit(popularity_tracks)
    if fit is None:
        return literal_rows(popularity_tracks.sparkSession, "popularity_predictions", [])
    # Names stay in the engine; what is sent there has numbers only.
    predicted = popularity_tracks.sparkSession.createDataFrame(fit.predictions)
    known = sum((F.col(name).isNotNull().cast("int") for name in MODEL_FEATURES), F.lit(0))
    return (
        popularity_tracks.withColumn("known_features", known)
        .join(predicted, "recording_key")
        .withColumn("model_version", F.lit(fit.scores["model_version"]))
        .select(*TABLES["popularity_predictions"].columns)
    )


def popularity_fit(popularity_tracks: DataFrame, note: Callable[[str], None] = lambda _: None) -> Fit | None:
    """The fit of these rows; None with too few of them, or without the library that fits.

    Args:
        popularity_tracks: Whole table.
        note: Is called with a line on each part of the work.
    """
    names = ["recording_key", "artist_key", "popularity", *MODEL_FEATURES]
    is_used = F.col("popularity") >= MIN_POPULARITY
    files = ask(popularity_tracks.where(is_used).select(F.countDistinct("popularity_source")))[0][0]
    return fit_popularity(ask_table(popularity_tracks.select(*names)), files, note)


def _model_rows(frame: DataFrame, table: str, rows: list[dict]) -> DataFrame:
    columns = TABLES[table].columns
    return literal_rows(frame.sparkSession, table, [tuple(row.get(name) for name in columns) for row in rows])
