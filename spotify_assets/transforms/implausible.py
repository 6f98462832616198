"""Finds plays that can't have been heard as they are reported: several long ones of a listener within a minute."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.conditions import any_of
from spotify_assets.transforms.asking import ask
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.supersede import MINUTE

LONG_PLAY_MS = 30 * 60 * 1000
# Different plays of that length in one minute.
BURST_PLAYS = 3
# More conditions take longer than what they save to read.
MAX_MINUTES = 100


def implausible_positions(
    raw_plays: DataFrame, files: DataFrame, apply_rules: Callable[[DataFrame, DataFrame], DataFrame]
) -> DataFrame | None:
    """One row per implausible record: its `position`; None where there can't be any.

    Such is a record of `LONG_PLAY_MS` or more whose listener has, among the records of its rank that break no rule by
    themselves, `BURST_PLAYS` or more of that length, different in content or length, reported in the same minute
    (UTC). Records that are placed earlier neither count nor are implausible: they were reported together, and heard
    one after another. So a month's plays are flagged by what is reported in that month.

    Minutes with so many long records are counted while the query is built, without names and rules: mostly there are
    none, and the query is as without this. To read all columns for it took 9 % longer.

    Args:
        raw_plays: Records as landed.
        files: Landed files that are used: `source_file`, `source_rank`, `first_reported_at`, `last_reported_at`.
        apply_rules: Joins some of the records with their files and judges each by itself.
    """
    by_minute = ["listener", "source_rank", "minute"]
    minute = F.floor(F.unix_micros("reported_at") / MINUTE).alias("minute")
    long = raw_plays.where(_may_be_long(F.col("ms_played")))
    of_file = files.select("source_file", "source_rank", "first_reported_at", "last_reported_at")
    crowded = (
        broadcast_join(
            of_file, long.select("source_file", "listener", "reported_at", "played_at"), "source_file", "inner"
        )
        .where("played_at = reported_at AND reported_at BETWEEN first_reported_at AND last_reported_at")
        .groupBy("listener", "source_rank", minute)
        .agg(F.count(F.lit(1)).alias("records"))
        .where(F.col("records") >= BURST_PLAYS)
        .select("minute")
    )
    minutes = sorted({row["minute"] for row in ask(crowded)})
    if not minutes:
        return None
    if len(minutes) <= MAX_MINUTES:
        long = long.where(any_of([_is_within(minute) for minute in minutes]))
    judged = apply_rules(long.where("played_at = reported_at"), files).where(
        F.col("reason").isNull() & (F.col("clean_ms_played") >= LONG_PLAY_MS)
    )
    different = F.size(F.collect_set(F.xxhash64("content_key", "clean_ms_played")))
    return (
        judged.select("*", minute)
        .groupBy(by_minute)
        .agg(different.alias("different"), F.collect_list("position").alias("positions"))
        .where(F.col("different") >= BURST_PLAYS)
        .select(F.explode("positions").alias("position"))
    )


def _is_within(minute: int) -> Column:
    """Whether a record is reported in the minute since 1970."""
    start = datetime.fromtimestamp(minute * 60, UTC)
    return (F.col("reported_at") >= start) & (F.col("reported_at") < start + timedelta(minutes=1))


def _may_be_long(ms_played: Column) -> Column:
    """Whether the text may be a number of `LONG_PLAY_MS` or more, also as `+1800000`, `1,800,000` or `1.8E6`."""
    least = str(LONG_PLAY_MS)
    digits = F.length(ms_played)
    return (digits > len(least)) | ((digits == len(least)) & (ms_played >= least)) | F.lower(ms_played).contains("e")
