"""How a listener plays: starts, ends, settings, devices, hours, lengths of plays."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.behaviour import BUCKET_SECONDS, LAST_BUCKET, POSITIONS
from spotify_assets.model.columns import UNKNOWN
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import share_of
from spotify_assets.transforms.calendar import iso_day_of_week
from spotify_assets.transforms.joins import union_by_name
from spotify_assets.transforms.keys import hash64
from spotify_assets.transforms.metrics import (
    FINISHED,
    MEASURES,
    count_ends,
    partition_start,
    sum_plays,
    sums,
    with_layout,
)
from spotify_assets.transforms.sessions import in_sessions

ALL_YEARS = 0
BEHAVIOUR_MEASURES = (*MEASURES, "finished", "ends_known")
OF_A_PLAY = ("content_type", "reason_start", "reason_end", "shuffle", "offline", "incognito")
# In the first session of a partition, which may have begun in another one.
EDGE = "edge"


def monthly_behaviour(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, local year and combination of how plays were started, ended and set.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition; `session_gap_minutes`.
    """
    used = ("listener", "play_id", "played_at", "started_at", "is_implausible", "month", "local_date", "ms_played")
    placed = in_sessions(
        plays.select(*used, *OF_A_PLAY, "is_stream", "skipped", partition_start(settings)),
        ["window_at", "listener", "is_implausible"],
        settings,
    )
    position = F.when(F.col("is_implausible"), UNKNOWN).when(F.col("session") == 1, EDGE).otherwise(_position())
    combinations = placed.groupBy(
        "window_at",
        "listener",
        F.year("local_date").alias("year"),
        "content_type",
        "reason_start",
        "reason_end",
        *[_flag_text(F.col(name)).alias(name) for name in ("shuffle", "offline", "incognito")],
        position.alias("position_in_session"),
    ).agg(*sum_plays(), *count_ends())
    return with_layout(combinations)


def monthly_play_lengths(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener, local year and bucket of 5 seconds; tracks only.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition.
    """
    seconds = F.floor(F.col("ms_played") / (BUCKET_SECONDS * 1000)) * BUCKET_SECONDS
    bucket = F.least(seconds, F.lit(LAST_BUCKET)).cast("int").alias("second_bucket")
    tracks = plays.where("content_type = 'track'")
    year = F.year("local_date").alias("year")
    buckets = tracks.groupBy(partition_start(settings), "listener", year, bucket).agg(
        F.count(F.lit(1)).alias("plays"),
        F.count_if("skipped").alias("skipped"),
        F.count("skipped").alias("skips_known"),
        F.count_if(F.col("reason_end") == FINISHED).alias("finished"),
    )
    return with_layout(buckets)


def listening_behaviour(
    monthly_behaviour: DataFrame,
    hourly_listening: DataFrame,
    session_edges: DataFrame,
    dim_platform: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener, local year (0 for all), dimension and value with a play; all content types.

    Args:
        monthly_behaviour: Whole table.
        hourly_listening: Whole table.
        session_edges: Whole table: plays whose place in the session no partition knows alone.
        dim_platform: Whole table: kinds of devices.
        settings: `session_gap_minutes`.
    """
    of_plays = monthly_behaviour.groupBy("listener", "year", *OF_A_PLAY, "position_in_session").agg(
        *sums(BEHAVIOUR_MEASURES)
    )
    names = (*OF_A_PLAY, "position_in_session")
    # By key: `unknown` is the name of the member for no device, and of devices that no record names.
    families = dim_platform.select("platform_key", "platform_family")
    hours = (
        hourly_listening.groupBy("listener", "date", "hour", "platform", "conn_country")
        .agg(*sums(BEHAVIOUR_MEASURES))
        .withColumn("platform_key", hash64(F.col("platform")))
        .join(families, "platform_key")
    )
    of_hours = {
        "platform_family": F.col("platform_family"),
        "conn_country": F.col("conn_country"),
        "hour": F.lpad(F.col("hour").cast("string"), 2, "0"),
        "day_of_week": iso_day_of_week(F.col("date")).cast("string"),
    }
    placed = in_sessions(session_edges, ["listener"], settings).where("is_first")
    edges = placed.groupBy("listener", "year", _position().alias("value")).agg(
        *sum_plays(), F.count_if("is_finished").alias("finished"), count_ends()[1]
    )
    rows = union_by_name(
        _by_dimension(of_plays, {name: F.col(name) for name in names}).where("value <> 'edge'"),
        _by_dimension(hours.withColumn("year", F.year("date")), of_hours),
        edges.withColumn("dimension", F.lit("position_in_session")),
    )
    years = F.explode(F.array(F.col("year"), F.lit(ALL_YEARS))).alias("year")
    values = (
        rows.select("listener", years, "dimension", "value", *BEHAVIOUR_MEASURES)
        .groupBy("listener", "year", "dimension", "value")
        .agg(*sums(BEHAVIOUR_MEASURES))
    )
    every = F.sum("plays").over(Window.partitionBy("listener", "year", "dimension"))
    return values.select(
        "*",
        share_of(F.col("skips"), "skips_known").alias("skip_rate"),
        share_of(F.col("finished"), "ends_known").alias("finished_rate"),
        F.round(F.col("plays") / every, 6).alias("play_share"),
    )


def play_lengths(monthly_play_lengths: DataFrame) -> DataFrame:
    """One row per listener, local year (0 for all) and bucket of 5 seconds in which plays of tracks ended.

    Args:
        monthly_play_lengths: Whole table.
    """
    years = F.explode(F.array(F.col("year"), F.lit(ALL_YEARS))).alias("year")
    measures = ("plays", "skipped", "skips_known", "finished")
    buckets = (
        monthly_play_lengths.select("listener", years, "second_bucket", *measures)
        .groupBy("listener", "year", "second_bucket")
        .agg(*sums(measures))
    )
    of_year = Window.partitionBy("listener", "year")
    longest_first = of_year.orderBy(F.desc("second_bucket"))
    reached = F.sum("plays").over(longest_first.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    return buckets.select("*", reached.alias("plays_reached"), F.sum("plays").over(of_year).alias("every")).select(
        *buckets.columns, "plays_reached", F.round(F.col("plays_reached") / F.col("every"), 6).alias("survival")
    )


def _position() -> Column:
    """The group of places that `position` is in."""
    group: Column = F.lit(next(iter(POSITIONS)))
    for name, first in POSITIONS.items():
        group = F.when(F.col("position") >= first, name).otherwise(group)
    return group


def _flag_text(flag: Column) -> Column:
    return F.when(flag, "true").when(~flag, "false").otherwise(UNKNOWN)


def _by_dimension(rows: DataFrame, values: Mapping[str, Column]) -> DataFrame:
    """Each row once per dimension, with its `value` there."""
    pairs = [F.struct(F.lit(name).alias("dimension"), value.alias("value")) for name, value in values.items()]
    exploded = rows.select("listener", "year", F.explode(F.array(*pairs)).alias("is"), *BEHAVIOUR_MEASURES)
    return exploded.select(
        "listener",
        "year",
        F.col("is.dimension").alias("dimension"),
        F.col("is.value").alias("value"),
        *BEHAVIOUR_MEASURES,
    )
