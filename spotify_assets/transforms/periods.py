"""What was heard in days, weeks, months, quarters and years.

Days are local dates, `ms_played` is in milliseconds.
"""

from collections.abc import Iterable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.periods import DAYS_BEFORE_GAP, GAP_DAYS, SUSPICIOUS_EXPECTED_DAYS
from spotify_assets.transforms.aggregates import (
    MAX_NAME_LENGTH,
    MAX_SORTABLE,
    SORTABLE_DIGITS,
    latest_first_order,
)
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.joins import broadcast_join

MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
DAYS_OF = {"day": 1, "week": 7}
# A week is compared with that 52 weeks before: weeks have no number that each year has, and this is the nearest.
WEEKS_OF_YEAR = 52
# Numbers are quicker to group and sort by than names and days: a period is the number of its kind and its first day.
DAY_BITS = 20
DAY_MASK = (1 << DAY_BITS) - 1
# The first week of 1970 begins before it; days in numbers are not negative.
DAYS_BEFORE_1970 = 7


def coverage_gaps(daily_listening: DataFrame, plays: DataFrame) -> DataFrame:
    """One row per listener and run of `GAP_DAYS` local days or more without a play, between their first and last play.

    Args:
        daily_listening: Whole table.
        plays: Whole table; where there are gaps, the files of the plays on the days beside them are read.
    """
    by_day = Window.partitionBy("listener").orderBy("number")
    number = F.datediff("date", F.lit("1970-01-01").cast("date"))
    days = daily_listening.select("listener", "date", number.alias("number")).select(
        "listener",
        "date",
        F.lead("date").over(by_day).alias("next_date"),
        F.count("number").over(by_day.rangeBetween(1 - DAYS_BEFORE_GAP, 0)).cast("int").alias("active_days_before"),
    )
    length = (F.datediff("next_date", "date") - 1).cast("int")
    gaps = days.withColumn("days", length).where(F.col("days") >= GAP_DAYS)
    if not has_rows(gaps):
        return literal_rows(daily_listening.sparkSession, "coverage_gaps", [])
    beside = F.array(
        *[
            F.struct(F.col(day).alias("local_date"), F.lit(is_before).alias("is_before"))
            for day, is_before in (("date", True), ("next_date", False))
        ]
    )
    around = broadcast_join(
        gaps.select("*", F.explode(beside).alias("of")).select(*gaps.columns, "of.*"),
        plays.select("listener", "local_date", "played_at", "source_file"),
        ["listener", "local_date"],
        "inner",
    )
    # All of the same length, so that text sorts as numbers do.
    at = (F.unix_micros("played_at") + (MAX_SORTABLE + 1)).cast("string")
    last_first = latest_first_order("played_at", "source_file")
    before = F.min(F.when(F.col("is_before"), last_first))
    after = F.min(F.when(~F.col("is_before"), F.concat(at, "source_file")))
    expected = F.col("active_days_before") * F.col("days")
    return (
        around.groupBy("listener", "date", "next_date", "days", "active_days_before")
        .agg(
            F.substring(before, 1 + SORTABLE_DIGITS, MAX_NAME_LENGTH).alias("source_before"),
            F.substring(after, 2 + SORTABLE_DIGITS, MAX_NAME_LENGTH).alias("source_after"),
        )
        .select(
            "listener",
            F.date_add("date", 1).alias("gap_start"),
            F.date_sub("next_date", 1).alias("gap_end"),
            "days",
            "active_days_before",
            F.round(expected / DAYS_BEFORE_GAP, 6).alias("expected_active_days"),
            (expected >= SUSPICIOUS_EXPECTED_DAYS * DAYS_BEFORE_GAP).alias("is_suspicious"),
            "source_before",
            "source_after",
        )
    )


def canonical_track_plays(
    daily_track_plays: DataFrame, dim_recording: DataFrame, dim_artist: DataFrame, dim_album: DataFrame
) -> DataFrame:
    """`daily_track_plays` with canonical keys of recording, artist and album."""
    rows = merge_keys(daily_track_plays, dim_recording, "recording_key")
    return merge_keys(merge_keys(rows, dim_artist, "artist_key"), dim_album, "album_key")


def entity_names(dim_recording: DataFrame, dim_artist: DataFrame, dim_album: DataFrame) -> DataFrame:
    """One row per key of a track, artist and album: `entity_type`, `entity_key`, `name` and `artist_name`."""

    def named(entity: str, dimension: DataFrame, key: str, name: str) -> DataFrame:
        columns: list[Column] = [F.lit(entity).alias("entity_type"), F.col(key).alias("entity_key")]
        return dimension.select(*columns, F.col(name).alias("name"), "artist_name")

    return reduce(
        DataFrame.unionByName,
        [
            named("track", dim_recording, "recording_key", "track_name"),
            named("artist", dim_artist, "artist_key", "artist_name"),
            named("album", dim_album, "album_key", "album_name"),
        ],
    )


def starts_of(date: Column, period_types: Iterable[str]) -> dict[str, Column]:
    """Columns `<period_type>_start`: the first day of each period that a day is in, null for `all`."""
    return {f"{name}_start": _start_of(name, date) for name in period_types}


def period_number(kind: int, start: Column) -> Column:
    """Number of a period: that of its kind, and its first day since 1970; null counts as 0, as of `all`."""
    day = F.coalesce(F.unix_date(start), F.lit(0)) + DAYS_BEFORE_1970
    return (F.lit(kind << DAY_BITS) + day).cast("bigint")


def kind_of(number: Column) -> Column:
    """The kind in a `period_number`."""
    return F.shiftright(number, DAY_BITS).cast("int")


def first_day_of(number: Column) -> Column:
    """The first day in a `period_number`."""
    return F.date_from_unix_date(number.bitwiseAND(DAY_MASK).cast("int") - DAYS_BEFORE_1970)


def by_period_type(values: Mapping[str, Column]) -> Column:
    """The value for the row's `period_type`; null for others."""
    [(first, value), *others] = values.items()
    chosen = F.when(F.col("period_type") == first, value)
    for name, other in others:
        chosen = chosen.when(F.col("period_type") == name, other)
    return chosen


def previous_start() -> Column:
    """Start of the period before, by the columns `period_type` and `period_start`; null for `all`."""
    start = F.col("period_start")
    return by_period_type(
        {name: F.date_sub(start, days) for name, days in DAYS_OF.items()}
        | {name: F.add_months(start, -months) for name, months in MONTHS_OF.items()}
    )


def year_before_start() -> Column:
    """Start of the period of the year before; null for `all`. Of a week, it is the one 52 weeks before."""
    start = F.col("period_start")
    by_type = {name: F.add_months(start, -12) for name in ("day", *MONTHS_OF)}
    return by_period_type({"week": F.date_sub(start, 7 * WEEKS_OF_YEAR)} | by_type)


def period_end(start: str) -> Column:
    """Last day of a period of the row's `period_type` that starts on the day of column `start`; null for `all`."""
    return by_period_type(
        {name: F.date_add(start, days - 1) for name, days in DAYS_OF.items()}
        | {name: F.date_sub(F.add_months(start, months), 1) for name, months in MONTHS_OF.items()}
    )


def _start_of(period_type: str, date: Column) -> Column:
    if period_type == "all":
        return F.lit(None).cast("date")
    return date if period_type == "day" else F.trunc(date, period_type)
