"""Finds records that repeat another record of the same listener, content and length."""

from collections.abc import Callable
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.raw import ESTIMATED_FORMATS
from spotify_assets.transforms.joins import look_up

# A play that is logged again, and not placed, is reported this long after its end (microseconds). Together that is a
# day: records further apart are judged with different months.
HOUR = 60 * 60 * 1_000_000
LOGGED_AGAIN = (-HOUR, 23 * HOUR)
# How often the first position of some equal records is handed on to those that equal one of them in another way.
ROUNDS = 2


def repeated_positions(
    raw_plays: DataFrame, files: DataFrame, apply_rules: Callable[[DataFrame, DataFrame], DataFrame]
) -> DataFrame:
    """One row per record that repeats one of a smaller position: its `position`.

    Records are equal with the same listener, `content_key` and `clean_ms_played` (unless that is estimated) and the
    same `reported_at`, `played_at` or `offline_at`; and if both equal a third. Records with a `reason` equal none.

    Only records are judged for it that share a time with another: names and rules take most of the time.

    Args:
        raw_plays: Records as landed.
        files: Landed files that are used.
        apply_rules: Joins some of the records with their files and judges each by all rules but this one.
    """
    linked = _linked_times(apply_rules(_sharing_a_time(raw_plays), files)).withColumn("first", F.col("position"))
    for part in [*ROUNDS * (["hash", "hash_2"], ["key"]), ["hash", "hash_2"], ["key"]]:
        linked = linked.withColumn("first", F.min("first").over(Window.partitionBy(*part)))
    return linked.where("position > first").select("position").distinct()


def _sharing_a_time(raw_plays: DataFrame) -> DataFrame:
    """Records with a time that another one has, and by chance some more. Times are compared as numbers."""
    listener = F.xxhash64("listener")
    record = F.xxhash64("source_file", "source_row").alias("record")
    reported, played, began = map(F.unix_micros, ("reported_at", "played_at", "offline_at"))
    times = [
        raw_plays.where(condition).select(record, listener.bitwiseXOR(time).alias("time"))
        for condition, time in (
            ("reported_at IS NOT NULL", reported),
            ("played_at < reported_at", played),
            # Of another kind than the others: a play often starts when the one before it ends.
            ("offline_at IS NOT NULL", -began),
        )
    ]
    entries = reduce(DataFrame.unionByName, times)
    shared = entries.groupBy("time").agg(F.count(F.lit(1)).alias("entries")).where("entries > 1").select("time")
    found = look_up(shared, entries, "time").select("record").distinct()
    return look_up(found, raw_plays.withColumn("record", record), "record").drop("record")


def _linked_times(records: DataFrame) -> DataFrame:
    """One row per record without a reason and time by which it equals others of that time: `hash`, `hash_2`.

    A record has a row by `reported_at`, one by `offline_at`, and one by `played_at` where it was reported later. `key`
    is equal for records that equal each other by `reported_at`.
    """
    is_late = F.col("played_at") < F.col("reported_at")
    reported, began = F.unix_micros("reported_at"), F.unix_micros("offline_at")
    may_repeat = is_late | (reported - began - F.col("clean_ms_played") * 1000).between(*LOGGED_AGAIN)
    times = [
        F.when(
            condition,
            F.struct(
                F.xxhash64(*_compared(kind, name)).alias("hash"),
                F.xxhash64(F.lit("again"), *_compared(kind, name)).alias("hash_2"),
                F.lit(name == "reported_at").alias("is_report"),
            ),
        )
        for kind, name, condition in (
            ("time", "reported_at", F.lit(True)),
            ("time", "played_at", is_late),
            ("start", "offline_at", may_repeat),
        )
    ]
    entries = (
        records.where("reason IS NULL")
        .select(
            "position",
            F.xxhash64(*_compared("time", "reported_at")).alias("key"),
            is_late.alias("is_late"),
            F.explode(F.array_compact(F.array(*times))).alias("time"),
        )
        .select("position", "key", "is_late", "time.*")
    )
    by_time = Window.partitionBy("hash", "hash_2")
    # A late record whose time of report is another's `played_at` doesn't equal that, unless a third was on time.
    are_equal = F.max("is_report").over(by_time) == F.max(F.col("is_report") & ~F.col("is_late")).over(by_time)
    at_that_time = F.count(F.lit(1)).over(by_time)
    return entries.withColumns({"are_equal": are_equal, "entries": at_that_time}).where(
        "entries > 1 AND (is_report OR are_equal)"
    )


def _compared(kind: str, moment: str) -> list[Column]:
    is_estimated = F.col("source_format").isin(*ESTIMATED_FORMATS)
    ms_played = F.when(is_estimated, F.lit(-1).cast("bigint")).otherwise(F.col("clean_ms_played"))
    return [F.lit(kind), F.col("listener"), F.unix_micros(moment), F.col("content_key"), ms_played]
