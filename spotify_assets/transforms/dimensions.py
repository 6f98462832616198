"""Dimensions: attributes are the latest seen by time; every one has members for unknown and not applicable."""

from collections.abc import Iterable
from datetime import date
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.columns import NOT_APPLICABLE, NOT_APPLICABLE_NUMBER, UNKNOWN, UNKNOWN_NUMBER
from spotify_assets.model.dimensions import REASONS
from spotify_assets.settings import Settings
from spotify_assets.transforms.calendar import date_key, iso_day_of_week
from spotify_assets.transforms.judge import small_first
from spotify_assets.transforms.keys import SEPARATOR, album_key, artist_key, hashed
from spotify_assets.transforms.metrics import canonical_tracks, latest, sorts_latest_first

# Since when the members for unknown and not applicable are valid.
LONG_AGO = date(1970, 1, 1)
# Tried in this order on the normalized name: a web player also names the system that it runs on.
PLATFORM_WORDS = {
    "web": ("webplayer", "web_player", "web player"),
    "speaker_or_tv": tuple("partner cast tv sonos speaker playstation xbox alexa echo google[^a-z]home".split()),
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


def dim_date(hourly_listening: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per calendar day of the years in which anything was played, or a playlist captured.

    Args:
        hourly_listening: All of it.
        raw_playlist_files: All of it.
    """
    dates = hourly_listening.select("date").unionByName(
        raw_playlist_files.select(F.col("snapshot_date").alias("date"))
    )
    years = dates.agg(F.min("date").alias("first"), F.max("date").alias("last")).where("first IS NOT NULL")
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


def dim_artist(monthly_content: DataFrame, track_catalogue: DataFrame, artist_metadata: DataFrame) -> DataFrame:
    """One row per artist by normalized name: of plays, of playlists, and of all that the Web API tells.

    Args:
        monthly_content: All of it.
        track_catalogue: All of it.
        artist_metadata: All of it.
    """
    played = _spelled(monthly_content, "artist_key", "artist_name")
    on_albums = track_catalogue.select(
        F.coalesce("album_artist_name", "artist_name").alias("artist_name"),
        F.col("album_artist_id").alias("artist_id"),
        "seen_at",
    )
    on_tracks = track_catalogue.select(
        "seen_at",
        F.explode(
            F.arrays_zip(F.col("artist_ids").alias("artist_id"), F.col("artist_names").alias("artist_name"))
        ).alias("artist"),
    ).select("artist.artist_name", F.nullif("artist.artist_id", F.lit("")).alias("artist_id"), "seen_at")
    responses = artist_metadata.where("is_found").select(
        "artist_name", "artist_id", "image_url", _listed("genres"), _response_at()
    )
    told = (
        _stacked(on_albums, on_tracks, responses)
        .where("artist_name IS NOT NULL")
        .withColumn("artist_key", artist_key(F.col("artist_name")))
    )
    return with_members(
        "dim_artist", _latest_by("artist_key", played, told, "artist_name", "artist_id", "image_url", "genres")
    )


def dim_album(monthly_content: DataFrame, track_catalogue: DataFrame, album_metadata: DataFrame) -> DataFrame:
    """One row per album by normalized artist and name: of plays, of playlists, and of tracks in responses.

    An album that nothing mentions but a response on itself is left out: its artist may be in no dimension.

    Args:
        monthly_content: All of it.
        track_catalogue: All of it.
        album_metadata: All of it.
    """
    attributes = ("album_id", "album_type", "total_tracks", "release_date", "release_date_precision", "image_url")
    key = album_key(F.col("artist_name"), F.col("album_name"))
    played = _spelled(monthly_content, "album_key", "album_name", "artist_name")
    on_tracks = (
        track_catalogue.select("album_name", "artist_name", *attributes, "seen_at")
        .where("album_name IS NOT NULL AND artist_name IS NOT NULL")
        .withColumn("album_key", key)
    )
    mentioned = on_tracks.select("album_key").unionByName(played.select("album_key")).distinct()
    responses = album_metadata.where("is_found").select(
        "album_name",
        F.col("album_artist_name").alias("artist_name"),
        *attributes,
        "label",
        _listed("genres"),
        _response_at(),
    )
    of_mentioned = small_first(responses.withColumn("album_key", key), mentioned, "album_key", "left_semi")
    told = _stacked(on_tracks, of_mentioned)
    albums = _latest_by("album_key", played, told, "album_name", "artist_name", *attributes, "label", "genres")
    return with_members("dim_album", albums.withColumn("artist_key", artist_key(F.col("artist_name"))))


def dim_track(monthly_content: DataFrame, track_catalogue: DataFrame) -> DataFrame:
    """One row per track id (or name, where plays name no id): of plays, of playlists, and of the Web API.

    Args:
        monthly_content: All of it.
        track_catalogue: All of it.
    """
    names = ("track_name", "artist_name", "album_name")
    played = (
        monthly_content.where("content_type = 'track'")
        .groupBy(
            F.col("content_key").alias("track_key"),
            "spelling_key",
            *names,
            "artist_key",
            "album_key",
            "recording_key",
        )
        .agg(
            F.max("content_uri").alias("track_uri"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn("seen_at", F.col("last_played_at"))
    )
    told = track_catalogue.select(
        "track_key",
        "spelling_key",
        *names,
        artist_key(F.col("artist_name")).alias("artist_key"),
        album_key(F.col("artist_name"), F.col("album_name")).alias("album_key"),
        "recording_key",
        F.when(
            ~F.col("track_key").startswith("name:"), F.concat_ws("", F.lit("spotify:track:"), F.col("track_key"))
        ).alias("track_uri"),
        "seen_at",
    )
    by_spelling = _stacked(told, played).withColumn(
        "order",
        F.concat_ws(
            "",
            F.col("track_name").isNull().cast("int"),
            sorts_latest_first("seen_at", *names, F.col("spelling_key").cast("string")),
        ),
    )
    seen = by_spelling.groupBy("track_key").agg(
        F.min("order").alias("order"),
        F.max("track_uri").alias("track_uri"),
        F.min("first_played_at").alias("first_played_at"),
        F.max("last_played_at").alias("last_played_at"),
    )
    # What was played and told in the same spelling, and seen at the same moment, is one.
    tracks = (
        by_spelling.select("track_key", "order", *names, "artist_key", "album_key", "recording_key")
        .distinct()
        .join(seen, ["track_key", "order"])
        .fillna(UNKNOWN, ["track_name", "artist_name"])
    )
    attributes = ("duration_ms", "explicit", "isrc", "disc_number", "track_number", "image_url")
    known = _typed(
        "dim_track",
        track_catalogue.groupBy("track_key").agg(*[latest(name, "seen_at").alias(name) for name in attributes]),
        attributes,
    )
    canonical = canonical_tracks(monthly_content, track_catalogue)
    return with_members("dim_track", small_first(known, tracks, "track_key", "right").join(canonical, "recording_key"))


def dim_episode(monthly_content: DataFrame, playlist_tracks: DataFrame) -> DataFrame:
    """One row per podcast episode or audiobook chapter, played or on a playlist.

    Args:
        monthly_content: All of it.
        playlist_tracks: All of it.
    """
    played = (
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
        .withColumn("seen_at", F.col("last_played_at"))
    )
    attributes = ("duration_ms", "release_date", "release_date_precision", "image_url")
    uri = F.concat_ws("", F.lit("spotify:episode:"), F.col("episode_key"))
    told = playlist_tracks.where("episode_key IS NOT NULL").select(
        "episode_key",
        F.lit("episode").alias("content_type"),
        F.when(~F.col("episode_key").startswith("name:"), uri).alias("episode_uri"),
        "episode_name",
        "show_name",
        *attributes,
        F.col("snapshot_date").cast("timestamp").alias("seen_at"),
    )
    episodes = (
        _stacked(told, played)
        .groupBy("episode_key")
        .agg(
            # An audiobook's chapter is what was played as one.
            F.min("content_type").alias("content_type"),
            F.max("episode_uri").alias("episode_uri"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
            *[latest(name, "seen_at").alias(name) for name in ("episode_name", "show_name", *attributes)],
        )
        .fillna(UNKNOWN, ["episode_name", "show_name"])
    )
    return with_members("dim_episode", _typed("dim_episode", episodes, attributes))


def bridge_track_artist(dim_track: DataFrame, track_catalogue: DataFrame) -> DataFrame:
    """One row per track and artist on it. Exports name one, the album's; the Web API names all.

    Args:
        dim_track: All of it.
        track_catalogue: All of it.
    """
    names = F.array_join("artist_names", SEPARATOR)
    told = (
        track_catalogue.where("artist_names IS NOT NULL")
        .withColumn("names", names)
        .groupBy("track_key")
        .agg(F.split(latest("names", "seen_at"), SEPARATOR).alias("names"))
    )
    of_names = told.select("track_key", F.posexplode("names").alias("artist_position", "artist_name"))
    only_one = (
        dim_track.where(~F.col("artist_key").isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
        .join(told.select("track_key"), "track_key", "left_anti")
        .select("track_key", "artist_key", F.lit(0).alias("artist_position"))
    )
    return (
        of_names.select("track_key", artist_key(F.col("artist_name")).alias("artist_key"), "artist_position")
        .unionByName(only_one)
        .groupBy("track_key", "artist_key")
        .agg(F.min("artist_position").cast("int").alias("artist_position"))
    )


def _spelled(monthly_content: DataFrame, key: str, *names: str) -> DataFrame:
    """Latest names, and when first and last played, by a key; what has no such key is left out."""
    return (
        monthly_content.where(~F.col(key).isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
        .groupBy(key)
        .agg(
            *[latest(name).alias(name) for name in names],
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn("seen_at", F.col("last_played_at"))
    )


def _latest_by(key: str, played: DataFrame, told: DataFrame, *attributes: str) -> DataFrame:
    """Latest attributes by a key, of what was played and what was told."""
    latest_of = (
        _stacked(told, played)
        .groupBy(key)
        .agg(
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
            *[latest(name, "seen_at").alias(name) for name in attributes],
        )
    )
    return _typed({"artist_key": "dim_artist", "album_key": "dim_album"}[key], latest_of, attributes)


def _stacked(*frames: DataFrame) -> DataFrame:
    """All rows of all frames; columns that one lacks are null, of the type that they have in another.

    `unionByName(allowMissingColumns=True)` leaves them without a type on Sail, which `min` then keeps.
    """
    types = {name: type_ for frame in frames for name, type_ in frame.dtypes}
    whole = [
        frame.select("*", *[F.lit(None).cast(types[name]).alias(name) for name in types if name not in frame.columns])
        for frame in frames
    ]
    return reduce(DataFrame.unionByName, whole)


def _typed(table: str, rows: DataFrame, attributes: Iterable[str]) -> DataFrame:
    """Attributes as the table's types."""
    types = TABLES[table].spark_types
    return rows.withColumns({name: F.col(name).cast(types[name]) for name in attributes})


def _listed(name: str) -> Column:
    """A list as text with commas; null where it is empty."""
    return F.nullif(F.array_join(name, ", "), F.lit("")).alias(name)


def _response_at() -> Column:
    """When a response came; long ago where that isn't known."""
    return F.coalesce("fetched_at", F.lit("1970-01-01").cast("timestamp")).alias("seen_at")


def with_members(table: str, rows: DataFrame) -> DataFrame:
    """The rows, and the members for unknown and not applicable."""

    def member(column: Any, label: str, number: int) -> Any:
        if column.nullable:
            return None
        by_type = {"int": number, "bigint": number, "date": LONG_AGO, "boolean": True}
        return by_type.get(TABLES[table].spark_types[column.name], label)

    labels = ((UNKNOWN, UNKNOWN_NUMBER), (NOT_APPLICABLE, NOT_APPLICABLE_NUMBER))
    members = frame(
        rows.sparkSession,
        table,
        [tuple(member(column, *label) for column in TABLES[table].sql.columns) for label in labels],
    )
    return rows.select(*TABLES[table].columns).unionByName(members)


def frame(spark: SparkSession, table: str, rows: Iterable[tuple]) -> DataFrame:
    """Rows of a table as literals, in the order of its columns."""
    schema = ", ".join(f"`{name}` {type_}" for name, type_ in TABLES[table].spark_types.items())
    return spark.createDataFrame(list(rows), schema)
