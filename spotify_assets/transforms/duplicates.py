"""Finds records that repeat another record of the same listener, content and length."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.raw import ESTIMATED_FORMATS

# A play that is logged again, and not placed, is reported this long after its end (microseconds). Together that is a
# day: records further apart are judged with different months.
HOUR = 60 * 60 * 1_000_000
LOGGED_AGAIN = (-HOUR, 23 * HOUR)
# How often the first position of some equal records is handed on to those that equal one of them in another way.
ROUNDS = 2


def reported_key() -> Column:
    """Hash of what records share that were reported at one time; null for records with a reason.

    Null instead of a filter: Sail would push the filter down, and compute every reason twice.
    """
    return F.when(F.col("reason").isNull(), F.xxhash64(*_compared("time", "reported_at")))


def first_positions(records: DataFrame) -> DataFrame:
    """One row per `reported_key` of records that equal others: `first_position`, the least of all that are equal.

    Records are equal with the same listener, `content_key` and `clean_ms_played` (unless that is estimated) and the
    same `reported_at`, `played_at` or `offline_at`; and if both equal a third.

    They are found by grouping a hash of 128 bits. A window function would sort all plays: three times as long for ten
    million plays with 90,000 duplicates.

    Args:
        records: Judged by all rules but this one; those with a `reason` are left out. `position` is their precedence.
    """
    groups = (
        _entries(records)
        .groupBy("hash", "hash_2")
        .agg(
            F.min("reported_position").alias("first_position"),
            F.min("other_position").alias("first_other"),
            F.count("on_time").alias("on_time"),
            F.collect_list("other_key").alias("other_keys"),
            F.count("reported_position").alias("reported"),
            F.min("other_key").alias("least_key"),
            F.max("other_key").alias("greatest_key"),
        )
        .where("reported > 1 OR (reported = 0 AND least_key < greatest_key) OR (on_time > 0 AND size(other_keys) > 0)")
    )
    # A late record whose time of report is another's `played_at` doesn't equal that, unless a third was on time.
    others = F.when((F.col("reported") == 0) | (F.col("on_time") > 0), F.col("other_keys")).otherwise(F.array())
    own = F.when(F.col("reported") > 0, F.array("hash")).otherwise(F.array())
    first = F.when(F.size("others") > 0, F.least("first_position", "first_other")).otherwise(F.col("first_position"))
    linked = (
        groups.withColumns({"others": others, "own": own})
        .withColumn("first_position", first)
        .select("hash", "hash_2", "first_position", F.explode(F.concat("own", "others")).alias("reported_key"))
    )
    for _ in range(ROUNDS):
        for part in (["reported_key"], ["hash", "hash_2"]):
            linked = linked.withColumn("first_position", F.min("first_position").over(Window.partitionBy(*part)))
    return linked.groupBy("reported_key").agg(F.min("first_position").alias("first_position"))


def _entries(records: DataFrame) -> DataFrame:
    """One row per record without a reason and time by which it may equal others: `hash`, `hash_2`.

    By `reported_at`: `reported_position`, and `on_time` where `played_at` is the same. By `offline_at`, and by
    `played_at` where it was reported later: `other_position` and `other_key`, its `reported_key`.
    """
    by_report = records.select(
        reported_key().alias("hash"),
        F.xxhash64(F.lit("again"), *_compared("time", "reported_at")).alias("hash_2"),
        F.when(F.col("reason").isNull(), F.col("position")).alias("reported_position"),
        F.when(F.col("played_at") == F.col("reported_at"), 1).alias("on_time"),
        F.lit(None).cast("bigint").alias("other_position"),
        F.lit(None).cast("bigint").alias("other_key"),
    )
    is_late = F.col("played_at") < F.col("reported_at")
    reported, began = F.unix_micros("reported_at"), F.unix_micros("offline_at")
    may_repeat = is_late | (reported - began - F.col("clean_ms_played") * 1000).between(*LOGGED_AGAIN)
    times = F.array(
        *[
            F.struct(F.when(condition, F.xxhash64(*_compared(kind, name))).alias("hash"),
                     F.xxhash64(F.lit("again"), *_compared(kind, name)).alias("hash_2"))
            for kind, name, condition in (("time", "played_at", is_late), ("start", "offline_at", may_repeat))
        ]
    )  # fmt: skip
    other_key = F.when(F.col("time.hash").isNotNull(), F.col("other_key"))
    # In most exports few records began offline. To give each record an array of its times takes longer.
    by_other = (
        records.where("offline_at IS NOT NULL")
        .select("position", reported_key().alias("other_key"), F.explode(times).alias("time"))
        .select(
            F.col("time.hash").alias("hash"),
            F.col("time.hash_2").alias("hash_2"),
            F.lit(None).cast("bigint").alias("reported_position"),
            F.lit(None).cast("int").alias("on_time"),
            F.when(other_key.isNotNull(), F.col("position")).alias("other_position"),
            other_key.alias("other_key"),
        )
    )
    return by_report.unionByName(by_other)


def _compared(kind: str, moment: str) -> list[Column]:
    is_estimated = F.col("source_format").isin(*ESTIMATED_FORMATS)
    ms_played = F.when(is_estimated, F.lit(-1).cast("bigint")).otherwise(F.col("clean_ms_played"))
    return [F.lit(kind), F.col("listener"), F.unix_micros(moment), F.col("content_key"), ms_played]
