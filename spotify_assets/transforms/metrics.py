"""Metrics by listener: partial aggregates of one partition's plays, and totals combined from them.

Times are UTC; `date` and `hour` are in the listener's zone; `ms_played` is in milliseconds.
"""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.columns import DELIBERATE_STARTS, LABEL_LENGTH, UNKNOWN, UNKNOWN_NUMBER
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import MAX_SORTABLE, share_of
from spotify_assets.transforms.calendar import iso_day_of_week
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.keys import SEPARATOR, album_key, artist_key, spelling_key, track_only_key

MEASURES = ("plays", "streams", "ms_played", "skips", "skips_known")
SHUFFLE_MEASURES = ("shuffles", "shuffles_known")
START_MEASURES = ("deliberate_starts", "starts_known")
MODE_MEASURES = ("offline_plays", "offline_known", "incognito_plays", "incognito_known")
IMPLAUSIBLE_MEASURES = ("implausible_plays", "implausible_ms_played")
# Wrapped counts plays of more than 30 seconds; `streams` those of 30 seconds and more.
WRAPPED_MS = 30_000
NIGHT_HOURS = 5
FINISHED = "trackdone"

CONTENT_MEASURES = ("music_plays", "music_ms_played", "spoken_plays", "spoken_ms_played")


def daily_track_plays(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, local date, recording, artist and album; tracks only.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition.
    """
    tracks = plays.where("content_type = 'track'")
    artist = artist_key(F.col("artist_name")).alias("artist_key")
    album = album_key(F.col("artist_name"), F.col("album_name")).alias("album_key")
    date = F.col("local_date").alias("date")
    is_wrapped = (F.col("ms_played") > WRAPPED_MS) & ~F.coalesce("incognito", F.lit(False))
    days = tracks.groupBy(partition_start(settings), "listener", date, "recording_key", artist, album).agg(
        *sum_plays(),
        *_shuffle_measures(),
        *count_starts(),
        *_completion_measures(),
        _sum_where(F.col("skipped")).alias("skipped_ms_played"),
        *_implausible_measures(),
        F.count_if(is_wrapped).alias("wrapped_plays"),
        *_played_range(),
    )
    return with_layout(days)


def hourly_listening(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, local date, local hour, platform and country; all content types.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition.
    """
    music = F.col("content_type") == "track"
    hours = plays.groupBy(
        partition_start(settings),
        "listener",
        F.col("local_date").alias("date"),
        F.col("local_hour").alias("hour"),
        "platform",
        known_country().alias("conn_country"),
    ).agg(
        *sum_plays(),
        F.count_if(music).alias("music_plays"),
        _sum_where(music).alias("music_ms_played"),
        F.count_if(~music).alias("spoken_plays"),
        _sum_where(~music).alias("spoken_ms_played"),
        *_shuffle_measures(),
        *count_starts(),
        *count_ends(),
        F.count_if("offline").alias("offline_plays"),
        F.count("offline").alias("offline_known"),
        F.count_if("incognito").alias("incognito_plays"),
        F.count("incognito").alias("incognito_known"),
        *_implausible_measures(),
    )
    return with_layout(hours)


def daily_spoken_plays(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, local date and episode or chapter.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition.
    """
    date, episode = F.col("local_date").alias("date"), F.col("content_key").alias("episode_key")
    spoken = plays.where("content_type <> 'track'")
    days = spoken.groupBy(partition_start(settings), "listener", date, episode).agg(
        *sum_plays(), *_completion_measures(), *_played_range()
    )
    return with_layout(days)


def monthly_content(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, content and spelling of its names; all content types.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition.
    """
    names = ("content_uri", "track_name", "artist_name", "album_name", "episode_name", "show_name")
    content_type = F.col("content_type")
    content = (
        plays.groupBy(partition_start(settings), "listener", "content_type", "content_key", "recording_key", *names)
        .agg(*sum_plays(), *_shuffle_measures(), *_played_range(), _first_play().alias("first_play"))
        .withColumns(
            {
                "first_started_by": F.split_part("first_play", F.lit(SEPARATOR), F.lit(2)),
                "first_platform": F.split_part("first_play", F.lit(SEPARATOR), F.lit(3)),
                "spelling_key": spelling_key(*names),
                "recording_key": track_only_key(content_type, F.col("recording_key")),
                "artist_key": track_only_key(content_type, artist_key(F.col("artist_name"))),
                "album_key": track_only_key(content_type, album_key(F.col("artist_name"), F.col("album_name"))),
            }
        )
        .drop("first_play")
    )
    return with_layout(content)


def daily_listening(
    hourly_listening: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
) -> DataFrame:
    """One row per listener and local date with a play; all content types.

    Args:
        hourly_listening: Whole table.
        daily_track_plays: Whole table.
        dim_recording: Whole table: canonical recordings.
        dim_artist: Whole table: canonical artists.
        dim_album: Whole table: canonical albums.
    """
    tracks = merge_keys(merge_keys(daily_track_plays, dim_recording, "recording_key"), dim_artist, "artist_key")
    tracks = merge_keys(tracks, dim_album, "album_key")
    distinct_counts = tracks.groupBy("listener", "date").agg(
        F.countDistinct("recording_key").alias("tracks"),
        *[
            F.countDistinct(F.when(F.col(key) != UNKNOWN_NUMBER, F.col(key))).alias(name)
            for key, name in (("artist_key", "artists"), ("album_key", "albums"))
        ],
    )
    days = hourly_listening.groupBy("listener", "date").agg(
        *sums(MEASURES + CONTENT_MEASURES + SHUFFLE_MEASURES + START_MEASURES + MODE_MEASURES + IMPLAUSIBLE_MEASURES),
        _sum_where(F.col("hour") < NIGHT_HOURS).alias("night_ms_played"),
    )
    return days.join(distinct_counts, ["listener", "date"], "left").fillna(0, ["tracks", "artists", "albums"])


def listening_clock(hourly_listening: DataFrame) -> DataFrame:
    """One row per listener, local day of the week (ISO 8601: 1 is Monday) and local hour with a play; all time.

    Args:
        hourly_listening: Whole table.
    """
    day_of_week = iso_day_of_week(F.col("date")).alias("day_of_week")
    return hourly_listening.groupBy("listener", day_of_week, "hour").agg(*sums(MEASURES))


def catalogue_coverage(track_metrics: DataFrame, dim_track: DataFrame) -> DataFrame:
    """One row per listener and attribute of tracks: of how much of what was heard it is known.

    Args:
        track_metrics: Whole table.
        dim_track: Whole table: attributes.
    """
    known_by = {
        "genre": "genres",
        "release": "release_date",
        "length": "duration_ms",
        "features": "features_source",
        "popularity": "popularity",
    }
    known = dim_track.select(
        "track_key",
        F.array(
            *[
                F.struct(F.lit(name).alias("attribute"), F.col(column).isNotNull().cast("bigint").alias("is_known"))
                for name, column in known_by.items()
            ]
        ).alias("attributes"),
    )
    measures = {"plays": F.col("total_plays"), "ms_played": F.col("total_ms_played"), "tracks": F.lit(1)}
    heard = track_metrics.join(known, "track_key").select(
        "listener",
        F.explode("attributes").alias("is"),
        *[value.cast("bigint").alias(name) for name, value in measures.items()],
    )
    totals = heard.groupBy("listener", F.col("is.attribute").alias("attribute")).agg(
        *[F.sum(name).alias(name) for name in measures],
        *[F.sum(F.col(name) * F.col("is.is_known")).alias(f"known_{name}") for name in measures],
    )
    shares = {"play_share": "plays", "ms_share": "ms_played", "track_share": "tracks"}
    return totals.select(
        "*",
        *[share_of(F.col(f"known_{name}"), name).alias(share) for share, name in shares.items()],
    )


def known_country() -> Column:
    """`conn_country`, its first 255 characters; `UNKNOWN` where it is missing or `ZZ`, Spotify's code for that."""
    country = F.col("conn_country")
    return F.when(country != "ZZ", F.substring(country, 1, LABEL_LENGTH)).otherwise(UNKNOWN)


def partition_start(settings: Settings) -> Column:
    """`window_at`: start of the partition that `played_at` is in (UTC)."""
    if settings.plays_grain == "weekly":
        start = F.date_trunc("week", "played_at")
    else:
        day = "month" if settings.plays_grain == "monthly" else F.to_date("played_at")
        start = F.col(day).cast("timestamp") if isinstance(day, str) else day.cast("timestamp")
    return start.alias("window_at")


def with_layout(rows: DataFrame) -> DataFrame:
    """Add to a partial aggregate the first days of the month and the year of `window_at` (UTC)."""
    day = F.to_date("window_at")
    return rows.withColumns({"month": F.trunc(day, "month"), "year_start": F.trunc(day, "year")})


def known_share(measure: str) -> Column:
    """Share of the plays that have the flag, of those whose flag is known; null if none is known."""
    known = F.col(f"{measure}_known")
    return F.when(known > 0, F.col(measure) / known)


def sum_plays() -> list[Column]:
    """Sums over plays, as in `play_measures` of the model."""
    return [
        F.count(F.lit(1)).alias("plays"),
        F.count_if("is_stream").alias("streams"),
        F.sum("ms_played").alias("ms_played"),
        F.count_if("skipped").alias("skips"),
        F.count("skipped").alias("skips_known"),
    ]


def _shuffle_measures() -> list[Column]:
    return [F.count_if("shuffle").alias("shuffles"), F.count("shuffle").alias("shuffles_known")]


def count_starts() -> list[Column]:
    """Counts of plays that a person chose to start."""
    reason = F.col("reason_start")
    return [
        F.count_if(reason.isin(*DELIBERATE_STARTS)).alias("deliberate_starts"),
        F.count_if(reason != UNKNOWN).alias("starts_known"),
    ]


def count_ends() -> list[Column]:
    """Counts of plays by how they ended."""
    reason = F.col("reason_end")
    return [F.count_if(reason == FINISHED).alias("finished"), F.count_if(reason != UNKNOWN).alias("ends_known")]


def _completion_measures() -> list[Column]:
    is_finished = F.col("reason_end") == FINISHED
    return [F.count_if(is_finished).alias("finished"), _sum_where(~is_finished).alias("unfinished_ms_played")]


def _implausible_measures() -> list[Column]:
    return [
        F.count_if("is_implausible").alias("implausible_plays"),
        _sum_where(F.col("is_implausible")).alias("implausible_ms_played"),
    ]


def _first_play() -> Column:
    """Time, `first_started_by` and `first_platform` of the first play, as text: see `transforms.aggregates`."""
    # All of the same length.
    at = F.unix_micros("played_at") + (MAX_SORTABLE + 1)
    reason = F.col("reason_start")
    started_by = (
        F.when(reason.isin(*DELIBERATE_STARTS), "deliberate")
        .when(F.col("shuffle"), "shuffle")
        .when(reason != UNKNOWN, "queue")
        .otherwise(UNKNOWN)
    )
    return F.min(F.concat_ws(SEPARATOR, at.cast("string"), started_by, "platform"))


def _played_range() -> list[Column]:
    return [F.min("played_at").alias("first_played_at"), F.max("played_at").alias("last_played_at")]


def sums(names: Iterable[str]) -> list[Column]:
    """The sum of each column, by its name."""
    return [F.sum(name).alias(name) for name in names]


def _sum_where(condition: Column) -> Column:
    return F.sum(F.when(condition, F.col("ms_played")).otherwise(0))
