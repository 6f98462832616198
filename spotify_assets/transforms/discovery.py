"""How artists and recordings were discovered, and what of each month's discoveries is still played."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.life import COHORT_MONTHS, DISCOVERY_DAYS, REGULAR_PLAYS
from spotify_assets.transforms.aggregates import MAX_SORTABLE, moved_by
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import SEPARATOR
from spotify_assets.transforms.life import PLAYS_BITS, PLAYS_MASK, date_of, packed_day

ENTITY = ("listener", "entity_type", "entity_key")


def discoveries(
    monthly_content: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    track_metrics: DataFrame,
    artist_metrics: DataFrame,
) -> DataFrame:
    """One row per listener and artist or recording: how it was discovered, and what became of it; tracks only.

    Args:
        monthly_content: Whole table: how first plays began.
        daily_track_plays: Whole table.
        dim_recording: Whole table: canonical recordings.
        dim_artist: Whole table: canonical artists.
        track_metrics: Whole table: names and totals.
        artist_metrics: Whole table: names and totals.
    """
    # Of the same length, so that the smallest text is the earliest.
    at = (F.unix_micros("first_played_at") + (MAX_SORTABLE + 1)).cast("string")
    content = monthly_content.where("content_type = 'track'").withColumn(
        "first_play", F.concat_ws(SEPARATOR, at, "first_started_by", "first_platform")
    )
    started = (
        _by_entity(content, dim_recording, dim_artist, "first_play")
        .groupBy(*ENTITY)
        .agg(F.min("first_play").alias("first"))
    )
    days = (
        _by_entity(daily_track_plays.withColumn("day", packed_day(F.col("plays"))), dim_recording, dim_artist, "day")
        .groupBy(*ENTITY)
        .agg(F.min("day").alias("first_day"), F.collect_list("day").alias("days"))
        .withColumn("first_day", F.shiftright("first_day", PLAYS_BITS))
        # A lambda that refers to a column of the row is evaluated anew with each element on Sail.
        .withColumn("firsts", F.array_repeat("first_day", F.size("days")))
        .withColumn("both", F.arrays_zip("days", "firsts"))
        .withColumn("since", F.transform("both", lambda one: one["days"] - F.shiftleft(one["firsts"], PLAYS_BITS)))
        .withColumns({f"days_{length}": _plays_within("since", length) for length in DISCOVERY_DAYS})
    )
    named = track_metrics.select(
        "listener",
        F.lit("track").alias("entity_type"),
        F.col("recording_key").alias("entity_key"),
        F.col("track_name").alias("name"),
        "artist_name",
        "first_played_at",
        "total_plays",
    ).unionByName(
        artist_metrics.select(
            "listener",
            F.lit("artist").alias("entity_type"),
            F.col("artist_key").alias("entity_key"),
            F.col("artist_name").alias("name"),
            "artist_name",
            "first_played_at",
            "total_plays",
        )
    )
    return (
        named.join(started, list(ENTITY))
        .join(days, list(ENTITY))
        .select(
            *ENTITY,
            "name",
            "artist_name",
            "first_played_at",
            date_of(F.col("first_day")).alias("discovered_on"),
            F.split_part("first", F.lit(SEPARATOR), F.lit(2)).alias("started_by"),
            F.split_part("first", F.lit(SEPARATOR), F.lit(3)).alias("platform"),
            *[F.col(f"days_{length}").alias(f"plays_in_{length}_days") for length in DISCOVERY_DAYS],
            "total_plays",
            (F.col("total_plays") >= REGULAR_PLAYS).alias("became_regular"),
        )
    )


def discovery_cohorts(
    discoveries: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_listener: DataFrame,
) -> DataFrame:
    """One row per listener, kind of entity, local month of discovery and month since, up to that of the last play.

    Args:
        discoveries: Whole table.
        daily_track_plays: Whole table.
        dim_recording: Whole table: canonical recordings.
        dim_artist: Whole table: canonical artists.
        dim_listener: Whole table: the last day.
    """
    found = discoveries.select(*ENTITY, F.trunc("discovered_on", "month").alias("cohort_month"))
    days = daily_track_plays.withColumn("month", F.trunc("date", "month"))
    months = (
        _by_entity(days, dim_recording, dim_artist, "month", "plays", "ms_played")
        .groupBy(*ENTITY, "month")
        .agg(F.sum("plays").alias("plays"), F.sum("ms_played").alias("ms_played"))
    )
    cohort = ["listener", "entity_type", "cohort_month"]
    played = (
        broadcast_join(found, months, list(ENTITY), "inner")
        .withColumn("months_since", _months(F.col("month")) - _months(F.col("cohort_month")))
        .where(F.col("months_since") <= COHORT_MONTHS)
        .groupBy(*cohort, "months_since")
        .agg(
            F.count(F.lit(1)).alias("still_played"),
            F.sum("plays").alias("plays"),
            F.sum("ms_played").alias("ms_played"),
        )
    )
    last = dim_listener.select("listener", _months(F.col("last_date")).alias("last_month"))
    until = F.least(F.col("last_month") - _months(F.col("cohort_month")), F.lit(COHORT_MONTHS))
    cohorts = (
        broadcast_join(last, found, "listener", "inner")
        .groupBy(*cohort, "last_month")
        .agg(F.count(F.lit(1)).alias("entities"))
        .select(*cohort, "entities", F.explode(F.sequence(F.lit(0), until)).alias("months_since"))
    )
    return cohorts.join(played, [*cohort, "months_since"], "left").fillna(0, ["still_played", "plays", "ms_played"])


def _by_entity(rows: DataFrame, dim_recording: DataFrame, dim_artist: DataFrame, *columns: str) -> DataFrame:
    """Each row of tracks twice: for its canonical recording, and for its canonical artist where that is known."""
    merged = merge_keys(merge_keys(rows, dim_recording, "recording_key"), dim_artist, "artist_key")
    kinds = F.array(
        *[
            F.struct(F.lit(kind).alias("entity_type"), F.col(key).alias("entity_key"))
            for kind, key in (("track", "recording_key"), ("artist", "artist_key"))
        ]
    )
    entities = merged.select("listener", *columns, F.explode(kinds).alias("entity"))
    flat = entities.select("listener", "entity.entity_type", "entity.entity_key", *columns)
    known = flat.where((F.col("entity_type") == "track") | (F.col("entity_key") != UNKNOWN_NUMBER))
    return moved_by(known, "entity_key")


def _plays_within(since: str, days: int) -> Column:
    """Plays of fewer than so many days after the first, of a list of days since then with their plays."""
    within = F.filter(since, lambda packed: packed < (days << PLAYS_BITS))
    return F.aggregate(within, F.lit(0).cast("bigint"), lambda total, packed: total + packed.bitwiseAND(PLAYS_MASK))


def _months(date: Column) -> Column:
    return F.year(date) * 12 + F.month(date)
