"""What music was listened to, by local month: its genres, its age and how it sounds.

Attributes are those of the canonical recording's most played id. `ms_played` is in milliseconds. Figures are added up
as whole numbers, so that no order of addition shows in them.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.catalogue import SHARES
from spotify_assets.model.content import DEVIATIONS, MEAN_FEATURES, MIN_TRAILING_MONTHS, TRAILING_MONTHS
from spotify_assets.model.genres import GENRE_FAMILIES
from spotify_assets.transforms.aggregates import MILLION, share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.enrich import GENRES_SEPARATOR
from spotify_assets.transforms.genres import family_shares
from spotify_assets.transforms.joins import broadcast_join

# A play has so many parts: the least number that 1 to 16 genres share evenly.
PARTS = 720_720
# Of loudness and tempo, which files tell to three decimals: a year of sums in millionths would not fit 64 bits.
COARSE_FEATURES = {"loudness": 1_000, "tempo": 1_000}
YEAR = 12


def genre_trends(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    dim_artist: DataFrame,
    bridge_track_artist: DataFrame,
    genre_families: DataFrame,
) -> DataFrame:
    """One row per listener, local month from that of the first to that of the last play, and genre family ever heard.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the first and the last day.
        dim_recording: Whole table: the most played track of each recording.
        dim_track: Whole table: genres of tracks whose artists have none.
        dim_artist: Whole table: genres.
        bridge_track_artist: Whole table: artists of each track.
        genre_families: Whole table.
    """
    if not has_rows(genre_families):
        return literal_rows(daily_track_plays.sparkSession, "genre_trends", [])
    families = (
        family_shares(_track_genres(dim_track, dim_artist, bridge_track_artist), genre_families, "track_key")
        .select(
            "track_key",
            F.struct("genre_family", F.round(F.col("share") * PARTS).cast("bigint").alias("parts")).alias("part"),
        )
        .groupBy("track_key")
        .agg(F.collect_list("part").alias("families"))
    )
    heard = _heard(daily_track_plays, dim_recording, families, "families").select(
        "listener", "month", "plays", "ms_played", F.posexplode_outer("families").alias("place", "part")
    )
    parts, is_first = F.col("part.parts"), F.coalesce("place", F.lit(0)) == 0
    heard = heard.select(
        "listener",
        "month",
        F.coalesce("part.genre_family", F.lit("")).alias("genre_family"),
        F.coalesce(parts * F.col("plays"), F.lit(0)).alias("plays"),
        F.coalesce(parts * F.col("ms_played"), F.lit(0)).alias("ms_played"),
        F.when(is_first & parts.isNotNull(), F.col("ms_played")).otherwise(0).alias("known"),
        F.when(is_first, F.col("ms_played")).otherwise(0).alias("music"),
    )
    first, last = (F.trunc(f"{end}_date", "month") for end in ("first", "last"))
    nothing = (
        dim_listener.where("first_date IS NOT NULL")
        .select("listener", F.explode(F.sequence(first, last, F.expr("INTERVAL 1 MONTH"))).alias("month"))
        .select("*", F.explode(F.array(*map(F.lit, ("", *GENRE_FAMILIES)))).alias("genre_family"))
        .select("*", *[F.lit(0).cast("bigint").alias(name) for name in ("plays", "ms_played", "known", "music")])
    )
    months = (
        heard.unionByName(nothing)
        .groupBy("listener", "month", "genre_family")
        .agg(*[F.sum(name).alias(name) for name in ("plays", "ms_played", "known", "music")])
    )
    of_month = Window.partitionBy("listener", "month")
    by_month = Window.partitionBy("listener", "genre_family").orderBy("month")
    months = months.withColumns(
        {
            "known_ms_played": F.sum("known").over(of_month),
            "music_ms_played": F.sum("music").over(of_month),
        }
    ).withColumn("share", share_of(F.col("ms_played") / PARTS, "known_ms_played"))
    trailing, year = by_month.rowsBetween(-TRAILING_MONTHS, -1), by_month.rowsBetween(1 - YEAR, 0)
    months = months.withColumn("millionths", F.coalesce(_in_units(F.col("share"), MILLION), F.lit(0))).withColumns(
        {
            "months": F.count("millionths").over(trailing),
            "sum": F.sum("millionths").over(trailing),
            "squares": F.sum(F.col("millionths") * F.col("millionths")).over(trailing),
            "trailing_parts": F.sum("ms_played").over(year),
            "trailing_12_known_ms_played": F.sum("known_ms_played").over(year),
            "all_plays": F.sum("plays").over(Window.partitionBy("listener", "genre_family")),
            "is_complete": F.lead("month").over(by_month).isNotNull(),
        }
    )
    months = months.withColumns(
        {
            "trailing_12_share": share_of(F.col("trailing_parts") / PARTS, "trailing_12_known_ms_played"),
            # Both in millionths times the number of months.
            "above_mean": F.col("months") * F.col("millionths") - F.col("sum"),
            "deviation": F.sqrt(
                (F.col("months") * F.col("squares") - F.col("sum") * F.col("sum")).cast("double"),
            ),
        }
    ).withColumn("year_before_share", F.lag("trailing_12_share", YEAR).over(by_month))
    is_judged = F.col("share").isNotNull() & (F.col("months") >= MIN_TRAILING_MONTHS)
    is_flagged = is_judged & F.col("is_complete")
    return months.where("genre_family <> '' AND all_plays > 0").select(
        "listener",
        "month",
        "genre_family",
        F.round(F.col("plays") / PARTS, 6).alias("plays"),
        _whole(F.col("ms_played") / PARTS).alias("ms_played"),
        "share",
        _whole(F.col("trailing_parts") / PARTS).alias("trailing_12_ms_played"),
        "trailing_12_known_ms_played",
        "trailing_12_share",
        F.round(F.col("trailing_12_share") - F.col("year_before_share"), 6).alias("growth"),
        F.when(is_judged & (F.col("deviation") > 0), F.round(F.col("above_mean") / F.col("deviation"), 6)).alias(
            "z_score"
        ),
        F.coalesce(is_flagged & (F.col("above_mean") > DEVIATIONS * F.col("deviation")), F.lit(False)).alias(
            "is_emerging"
        ),
        F.coalesce(is_flagged & (F.col("above_mean") < -DEVIATIONS * F.col("deviation")), F.lit(False)).alias(
            "is_fading"
        ),
        "music_ms_played",
        "known_ms_played",
        share_of(F.col("known_ms_played"), "music_ms_played").alias("coverage"),
        "is_complete",
    )


def era_activity(
    daily_track_plays: DataFrame, dim_listener: DataFrame, dim_recording: DataFrame, dim_track: DataFrame
) -> DataFrame:
    """One row per listener, local month and decade of release that was heard in it.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the last day.
        dim_recording: Whole table: the most played track of each recording.
        dim_track: Whole table: years of release.
    """
    released = dim_track.where("release_year IS NOT NULL")
    if not has_rows(released):
        return literal_rows(daily_track_plays.sparkSession, "era_activity", [])
    year = F.col("release_year")
    decades = released.select("track_key", (year - year % 10).alias("release_decade"))
    months = (
        _heard(daily_track_plays, dim_recording, decades, "release_decade")
        .groupBy("listener", "month", "release_decade")
        .agg(*[F.sum(name).alias(name) for name in ("plays", "ms_played")])
    )
    of_month = Window.partitionBy("listener", "month")
    is_known = F.col("release_decade").isNotNull()
    months = months.withColumns(
        {
            "music_ms_played": F.sum("ms_played").over(of_month),
            "known_ms_played": F.sum(F.when(is_known, F.col("ms_played")).otherwise(0)).over(of_month),
        }
    ).where(is_known)
    return _with_end(months, dim_listener).withColumns(
        {
            "share": share_of(F.col("ms_played"), "known_ms_played"),
            "coverage": share_of(F.col("known_ms_played"), "music_ms_played"),
        }
    )


def audio_profile(
    daily_track_plays: DataFrame, dim_listener: DataFrame, dim_recording: DataFrame, dim_track: DataFrame
) -> DataFrame:
    """One row per listener and local month with a play of a track: how it sounded.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the last day.
        dim_recording: Whole table: the most played track of each recording.
        dim_track: Whole table: audio features.
    """
    known = dim_track.where(" AND ".join(f"{name} IS NOT NULL" for name in SHARES))
    if not has_rows(known):
        return literal_rows(daily_track_plays.sparkSession, "audio_profile", [])
    units = {name: COARSE_FEATURES.get(name, MILLION) for name in MEAN_FEATURES}
    others = [name for name in units if name not in SHARES]
    features = known.select(
        "track_key",
        F.lit(True).alias("is_known"),
        *[_in_units(F.col(name).cast("double"), unit).alias(name) for name, unit in units.items()],
    )
    time = F.col("ms_played")
    months = (
        _heard(daily_track_plays, dim_recording, features, "is_known", *units)
        .groupBy("listener", "month")
        .agg(
            F.sum(time).alias("music_ms_played"),
            F.coalesce(F.sum(F.when(F.col("is_known"), time)), F.lit(0)).alias("known_ms_played"),
            *[F.sum(F.col(name) * time).alias(name) for name in units],
            *[F.sum(F.when(F.col(name).isNotNull(), time)).alias(f"{name}_ms_played") for name in others],
        )
        .withColumn("place", F.year("month") * YEAR + F.month("month"))
    )
    year_before = Window.partitionBy("listener").orderBy("place").rangeBetween(-YEAR, -1)
    months = months.withColumns(
        {f"{name}_before": F.sum(name).over(year_before) for name in ("known_ms_played", *SHARES)}
    )
    times = {name: f"{name}_ms_played" if name in others else "known_ms_played" for name in units}
    months = months.withColumns(
        {name: F.round(_ratio(name, times[name]) / unit, 6) for name, unit in units.items()}
        | {f"{name}_before": _ratio(f"{name}_before", "known_ms_played_before") / MILLION for name in SHARES}
    )
    squares = [F.pow(F.col(name) - F.col(f"{name}_before"), F.lit(2)) for name in SHARES]
    months = months.withColumn("squares", reduce(Column.__add__, squares))
    return _with_end(months, dim_listener).select(
        "listener",
        "month",
        *units,
        F.round(F.sqrt(F.col("squares") / len(SHARES)), 6).alias("distance_to_trailing_year"),
        F.coalesce("known_ms_played_before", F.lit(0)).alias("trailing_known_ms_played"),
        "music_ms_played",
        "known_ms_played",
        share_of(F.col("known_ms_played"), "music_ms_played").alias("coverage"),
        "is_complete",
    )


def _track_genres(dim_track: DataFrame, dim_artist: DataFrame, bridge_track_artist: DataFrame) -> DataFrame:
    """One row per track that a recording is known by and that has genres: `track_key`, and the list `genres`.

    They are those of all its artists; where no artist has any, its own.
    """
    artists = dim_artist.where("genres IS NOT NULL").select("artist_key", "genres")
    of_artists = (
        broadcast_join(artists, bridge_track_artist.select("artist_key", "track_key"), "artist_key", "inner")
        .groupBy("track_key")
        .agg(F.array_join(F.collect_list("genres"), GENRES_SEPARATOR).alias("genres_of_artists"))
    )
    canonical = dim_track.where("track_key = canonical_track_key").select("track_key", "genres")
    return (
        canonical.join(of_artists, "track_key", "left")
        .select("track_key", F.coalesce("genres_of_artists", "genres").alias("text"))
        .where("text IS NOT NULL")
        .select("track_key", F.split("text", GENRES_SEPARATOR).alias("genres"))
    )


def _heard(daily_track_plays: DataFrame, dim_recording: DataFrame, attributes: DataFrame, *names: str) -> DataFrame:
    """Plays and time by listener, local `month` and recording, in several rows, with attributes of its main track.

    Args:
        daily_track_plays: Whole table.
        dim_recording: Whole table.
        attributes: One row per `track_key`.
        names: Attributes to take; null where the track has no row.
    """
    recordings = dim_recording.select("recording_key", F.col("canonical_track_key").alias("track_key"))
    of_recordings = broadcast_join(attributes, recordings, "track_key", "inner").select("recording_key", *names)
    days = daily_track_plays.select(
        "listener", F.trunc("date", "month").alias("month"), "recording_key", "plays", "ms_played"
    )
    return broadcast_join(of_recordings, days, "recording_key", "right")


def _with_end(months: DataFrame, dim_listener: DataFrame) -> DataFrame:
    """Add `is_complete`: whether the month lies before that of the listener's last play."""
    ends = dim_listener.select("listener", F.trunc("last_date", "month").alias("last_month"))
    joined = broadcast_join(ends, months, "listener", "right")
    return joined.withColumn("is_complete", F.coalesce(F.col("month") < F.col("last_month"), F.lit(False))).drop(
        "last_month"
    )


def _ratio(part: str, whole: str) -> Column:
    return F.col(part) / F.nullif(F.col(whole), F.lit(0))


def _whole(number: Column) -> Column:
    return F.round(number).cast("bigint")


def _in_units(number: Column, unit: int) -> Column:
    """The number in whole units, of which `unit` are 1."""
    return F.round(number * unit).cast("bigint")
