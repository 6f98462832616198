"""Dimensions: attributes are the latest seen by time; every one has members for unknown and not applicable."""

from collections.abc import Iterable
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spotify_assets.model import TABLES, derive
from spotify_assets.model.columns import NOT_APPLICABLE, NOT_APPLICABLE_NUMBER, UNKNOWN, UNKNOWN_NUMBER
from spotify_assets.model.dimensions import REASONS
from spotify_assets.settings import Settings
from spotify_assets.transforms.calendar import date_key, iso_day_of_week
from spotify_assets.transforms.keys import artist_key, hashed
from spotify_assets.transforms.metrics import canonical_tracks, latest, sorts_latest_first

# Tried in this order on the normalized name: a web player also names the system that it runs on.
PLATFORM_WORDS = {
    "web": ("webplayer", "web_player", "web player"),
    "speaker_or_tv": tuple("partner cast tv sonos speaker playstation xbox alexa echo google.home".split()),
    "android": ("android",),
    "ios": ("ios", "iphone", "ipad"),
    "windows": ("windows",),
    "macos": ("os x", "osx", "macos", "mac os"),
    "linux": ("linux",),
    "unknown": ("unknown",),
}


def dim_listener(hourly_listening: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per listener, with their zone and first and last local date.

    Args:
        hourly_listening: All of it.
        settings: Zones by listener.
    """
    zone = F.lit(settings.timezone)
    for listener, name in settings.timezones.items():
        zone = F.when(F.col("listener") == listener, name).otherwise(zone)
    listeners = hourly_listening.groupBy("listener").agg(
        F.min("date").alias("first_date"), F.max("date").alias("last_date")
    )
    return with_members(
        "dim_listener", listeners.withColumns({"listener_key": hashed(F.col("listener")), "timezone": zone})
    )


def dim_date(hourly_listening: DataFrame) -> DataFrame:
    """One row per calendar day of the years in which anything was played.

    Args:
        hourly_listening: All of it.
    """
    years = hourly_listening.agg(F.min("date").alias("first"), F.max("date").alias("last")).where("first IS NOT NULL")
    new_year, new_years_eve = (
        F.make_date(F.year("first"), F.lit(1), F.lit(1)),
        F.make_date(F.year("last"), F.lit(12), F.lit(31)),
    )
    days = years.select(F.explode(F.sequence(new_year, new_years_eve, F.expr("INTERVAL 1 DAY"))).alias("date"))
    date = F.col("date")
    iso_day = iso_day_of_week(date)
    thursday = F.date_add(date, 4 - iso_day)
    return with_members(
        "dim_date",
        days.select(
            date_key(date).alias("date_key"),
            "date",
            F.year(date).alias("year"),
            F.quarter(date).alias("quarter"),
            F.month(date).alias("month_of_year"),
            F.date_format(date, "MMMM").alias("month_name"),
            F.trunc(date, "month").alias("month_start"),
            F.year(thursday).alias("iso_year"),
            F.weekofyear(date).alias("iso_week"),
            F.dayofmonth(date).alias("day_of_month"),
            F.dayofyear(date).alias("day_of_year"),
            iso_day.alias("day_of_week"),
            F.date_format(date, "EEEE").alias("day_name"),
            (iso_day >= 6).alias("is_weekend"),
        ),
    )


def dim_time(*, spark: SparkSession) -> DataFrame:
    """One row per hour of the day."""
    parts = ("night", "morning", "afternoon", "evening")
    rows = [(hour, hour, f"{hour:02d}:00", parts[hour // 6]) for hour in range(24)]
    return with_members("dim_time", frame(spark, "dim_time", rows))


def dim_reason(*, spark: SparkSession) -> DataFrame:
    """One row per code of why a play began or ended."""
    rows = [(code, code, meaning) for code, meaning in REASONS.items()]
    return with_members("dim_reason", frame(spark, "dim_reason", rows))


def dim_platform(hourly_listening: DataFrame) -> DataFrame:
    """One row per device as the exports name it, with its family.

    Args:
        hourly_listening: All of it.
    """
    platform = F.col("platform")
    family: Column = F.lit("other")
    for name, words in reversed(PLATFORM_WORDS.items()):
        family = F.when(platform.rlike("|".join(words)), name).otherwise(family)
    devices = hourly_listening.select("platform").distinct()
    return with_members(
        "dim_platform", devices.withColumns({"platform_key": hashed(platform), "platform_family": family})
    )


def dim_artist(monthly_content: DataFrame) -> DataFrame:
    """One row per artist by normalized name.

    Args:
        monthly_content: All of it.
    """
    return with_members("dim_artist", _latest_by(monthly_content, "artist_key", "artist_name"))


def dim_album(monthly_content: DataFrame) -> DataFrame:
    """One row per album by normalized artist and name.

    Args:
        monthly_content: All of it.
    """
    albums = _latest_by(monthly_content, "album_key", "album_name", "artist_name")
    return with_members("dim_album", albums.withColumn("artist_key", artist_key(F.col("artist_name"))))


def dim_track(monthly_content: DataFrame) -> DataFrame:
    """One row per track id (or name, where plays name no id).

    Args:
        monthly_content: All of it.
    """
    spelled = ("track_name", "artist_name", "album_name", "artist_key", "album_key", "recording_key")
    by_spelling = (
        monthly_content.where("content_type = 'track'")
        .groupBy(F.col("content_key").alias("track_key"), "spelling_key", *spelled)
        .agg(
            F.max("content_uri").alias("track_uri"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn(
            "order",
            F.concat_ws(
                "",
                F.col("track_name").isNull().cast("int"),
                sorts_latest_first("track_name", "artist_name", "album_name", F.col("spelling_key").cast("string")),
            ),
        )
    )
    seen = by_spelling.groupBy("track_key").agg(
        F.min("order").alias("order"),
        F.min("first_played_at").alias("first_played_at"),
        F.max("last_played_at").alias("last_played_at"),
    )
    tracks = (
        by_spelling.drop("first_played_at", "last_played_at")
        .join(seen, ["track_key", "order"])
        .fillna(UNKNOWN, ["track_name", "artist_name"])
    )
    canonical = canonical_tracks(monthly_content)
    return with_members("dim_track", tracks.join(canonical, "recording_key"))


def dim_episode(monthly_content: DataFrame) -> DataFrame:
    """One row per podcast episode or audiobook chapter.

    Args:
        monthly_content: All of it.
    """
    episodes = (
        monthly_content.where("content_type <> 'track'")
        .groupBy(F.col("content_key").alias("episode_key"))
        .agg(
            F.max("content_type").alias("content_type"),
            F.max("content_uri").alias("episode_uri"),
            latest("episode_name").alias("episode_name"),
            latest("show_name").alias("show_name"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
    )
    return with_members("dim_episode", episodes.fillna(UNKNOWN, ["episode_name", "show_name"]))


def bridge_track_artist(dim_track: DataFrame) -> DataFrame:
    """One row per track and artist on it. Exports name one, the album's.

    Args:
        dim_track: All of it.
    """
    named = dim_track.where(~F.col("artist_key").isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
    return named.select("track_key", "artist_key", F.lit(0).alias("artist_position"))


def _latest_by(monthly_content: DataFrame, key: str, *names: str) -> DataFrame:
    """Latest names, and when first and last played, by a key; what has no such key is left out."""
    return (
        monthly_content.where(~F.col(key).isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
        .groupBy(key)
        .agg(
            *[latest(name).alias(name) for name in names],
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
    )


def with_members(table: str, rows: DataFrame) -> DataFrame:
    """The rows, and the members for unknown and not applicable."""

    def member(column: Any, label: str, number: int) -> Any:
        if column.nullable:
            return None
        return number if derive.spark_types(table)[column.name] in ("int", "bigint") else label

    labels = ((UNKNOWN, UNKNOWN_NUMBER), (NOT_APPLICABLE, NOT_APPLICABLE_NUMBER))
    members = frame(
        rows.sparkSession,
        table,
        [tuple(member(column, *label) for column in TABLES[table].columns) for label in labels],
    )
    return rows.select(*derive.columns(table)).unionByName(members)


def frame(spark: SparkSession, table: str, rows: Iterable[tuple]) -> DataFrame:
    """Rows of a table as literals, in the order of its columns."""
    schema = ", ".join(f"`{name}` {type_}" for name, type_ in derive.spark_types(table).items())
    return spark.createDataFrame(list(rows), schema)
