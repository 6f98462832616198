"""Streaks, milestones and records of a listener."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import NOT_APPLICABLE_NUMBER, UNKNOWN_NUMBER
from spotify_assets.model.life import MILESTONES, NIGHT_ENDS, RECORDS, SKIPPED_PLAYS, STREAK_DAYS
from spotify_assets.settings import Settings
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.life import date_of, packed_day, with_streaks
from spotify_assets.transforms.plays import local_time

HOUR = 3_600_000
DAY_MINUTES = 24 * 60
PLAUSIBLE = "plays > implausible_plays"


def listening_streaks(daily_listening: DataFrame, daily_track_plays: DataFrame, dim_artist: DataFrame) -> DataFrame:
    """One row per listener and run of three or more local days with a play, of anything or of one artist.

    Args:
        daily_listening: Whole table.
        daily_track_plays: Whole table.
        dim_artist: Whole table: names.
    """
    of_artists = merge_keys(
        daily_track_plays.where(PLAUSIBLE).where(F.col("artist_key") != UNKNOWN_NUMBER), dim_artist, "artist_key"
    ).select("listener", F.col("artist_key").alias("entity_key"), "date")
    # Distinct rows with a constant take Sail thirty times as long.
    of_artists = of_artists.distinct().select("listener", F.lit("artist").alias("entity_type"), "entity_key", "date")
    nothing = F.lit(NOT_APPLICABLE_NUMBER).cast("bigint").alias("entity_key")
    of_any = daily_listening.where(PLAUSIBLE).select("listener", F.lit("any").alias("entity_type"), nothing, "date")
    days = (
        of_artists.unionByName(of_any)
        .groupBy("listener", "entity_type", "entity_key")
        .agg(F.collect_list(packed_day(F.lit(1))).alias("listed"))
        .withColumn("days", F.array_sort("listed"))
    )
    long = F.filter("streaks", lambda streak: streak["streak_ends"] - streak["streak_starts"] >= STREAK_DAYS - 1)
    streaks = with_streaks(days).select("listener", "entity_type", "entity_key", F.explode(long).alias("streak"))
    start, end = F.col("streak.streak_starts"), F.col("streak.streak_ends")
    names = dim_artist.select(F.col("artist_key").alias("entity_key"), "artist_name")
    return streaks.join(names, "entity_key", "left").select(
        "listener",
        "entity_type",
        "entity_key",
        F.when(F.col("entity_type") == "artist", F.col("artist_name")).alias("artist_name"),
        date_of(start).alias("start"),
        date_of(end).alias("end"),
        (end - start + 1).cast("int").alias("days"),
    )


def milestones(daily_listening: DataFrame, discoveries: DataFrame, artist_metrics: DataFrame) -> DataFrame:
    """One row per listener, kind of milestone and value that was reached.

    Args:
        daily_listening: Whole table.
        discoveries: Whole table: artists in order of their first plays.
        artist_metrics: Whole table: plays of each artist.
    """
    so_far = Window.partitionBy("listener").orderBy("date").rowsBetween(Window.unboundedPreceding, 0)
    days = daily_listening.select(
        "listener",
        "date",
        "plays",
        "ms_played",
        F.sum("plays").over(so_far).alias("all"),
        F.sum("ms_played").over(so_far).alias("ms"),
    )
    in_order = Window.partitionBy("listener").orderBy("first_played_at", "entity_key")
    artists = discoveries.where("entity_type = 'artist'").select(
        "listener", "entity_key", "discovered_on", F.row_number().over(in_order).cast("bigint").alias("number")
    )
    hours = F.floor(F.col("ms") / HOUR), F.floor((F.col("ms") - F.col("ms_played")) / HOUR)
    steps = [
        _steps(days, "plays", F.col("all") - F.col("plays"), F.col("all"), F.col("date")),
        _steps(days, "hours", hours[1], hours[0], F.col("date")),
        _steps(artists, "artists", F.col("number") - 1, F.col("number"), F.col("discovered_on"), F.col("entity_key")),
    ]
    reached = reduce(DataFrame.unionByName, steps).select(
        "listener", "kind", F.explode("reached").alias("value"), "reached_on", "artist_key"
    )
    counts = [
        _as_many_of_as_many(daily_listening, "eddington", "plays"),
        _as_many_of_as_many(artist_metrics, "artist_cutover", "total_plays"),
    ]
    return reduce(DataFrame.unionByName, [reached, *counts])


def _steps(
    rows: DataFrame, kind: str, before: Column, after: Column, on: Column, artist: Column | None = None
) -> DataFrame:
    """The values of `MILESTONES` that each row reached: above `before`, up to `after`."""
    first, step = MILESTONES[kind]
    rows = rows.withColumns({"before": before.cast("bigint"), "after": after.cast("bigint")})
    low, high = F.floor(F.col("before") / step) + 1, F.floor(F.col("after") / step)
    multiples = F.when(
        low <= high, F.transform(F.sequence(low.cast("bigint"), high.cast("bigint")), lambda number: number * step)
    )
    named = [
        F.when((F.col("before") < value) & (F.col("after") >= value), F.lit(value).cast("bigint")) for value in first
    ]
    nothing = F.lit(NOT_APPLICABLE_NUMBER).cast("bigint")
    reached = F.concat(
        F.array_compact(F.array(*named, F.lit(None).cast("bigint"))),
        F.coalesce(multiples, F.array().cast("array<bigint>")),
    )
    return rows.select(
        "listener",
        F.lit(kind).alias("kind"),
        reached.alias("reached"),
        on.alias("reached_on"),
        (nothing if artist is None else artist).alias("artist_key"),
    )


def _as_many_of_as_many(rows: DataFrame, kind: str, plays: str) -> DataFrame:
    """The largest number such that a listener has that many rows of at least as many plays."""
    most_first = F.row_number().over(Window.partitionBy("listener").orderBy(F.desc(plays)))
    return (
        rows.select("listener", plays, most_first.alias("number"))
        .where(F.col("number") <= F.col(plays))
        .groupBy("listener")
        .agg(F.max("number").cast("bigint").alias("value"))
        .select(
            "listener",
            F.lit(kind).alias("kind"),
            "value",
            F.lit(None).cast("date").alias("reached_on"),
            F.lit(NOT_APPLICABLE_NUMBER).cast("bigint").alias("artist_key"),
        )
    )


def records(
    daily_listening: DataFrame,
    listening_sessions: DataFrame,
    listening_streaks: DataFrame,
    track_metrics: DataFrame,
    artist_metrics: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener and record, the first of several.

    Args:
        daily_listening: Whole table.
        listening_sessions: Whole table.
        listening_streaks: Whole table.
        track_metrics: Whole table.
        artist_metrics: Whole table.
        settings: Time zones by listener.
    """
    start = local_time(F.col("session_start"), F.col("listener"), settings)
    night = NIGHT_ENDS * 60
    minutes = (F.hour(start) * 60 + F.minute(start) + (DAY_MINUTES - night)) % DAY_MINUTES
    day = F.col("date")
    plausible = daily_listening.where(PLAUSIBLE)
    previous = F.lag("date").over(Window.partitionBy("listener").orderBy("date"))
    candidates = [
        _candidates(
            plausible.withColumn("previous", previous),
            {
                "most_plays_in_a_day": (F.col("plays") - F.col("implausible_plays"), day),
                "most_time_in_a_day": (F.col("ms_played") - F.col("implausible_ms_played"), day),
                "most_artists_in_a_day": (F.nullif("artists", F.lit(0)), day),
                "most_tracks_in_a_day": (F.nullif("tracks", F.lit(0)), day),
                "longest_gap": (
                    F.nullif(F.datediff("date", "previous") - 1, F.lit(0)),
                    F.date_add("previous", 1),
                ),
            },
        ),
        _candidates(
            track_metrics,
            {
                "most_plays_of_a_track_in_a_day": (F.nullif("best_day_plays", F.lit(0)), F.col("best_day")),
                "most_plays_of_a_track_in_a_week": (F.nullif("peak_7_days_plays", F.lit(0)), F.col("peak_7_days_end")),
                "longest_return_of_a_track": (F.nullif("longest_gap_days", F.lit(0)), None),
            },
            ("track_name", "artist_name", "recording_key"),
        ),
        _candidates(
            artist_metrics,
            {
                "most_plays_of_an_artist_in_a_day": (F.nullif("best_day_plays", F.lit(0)), F.col("best_day")),
                "longest_streak_of_an_artist": (F.nullif("longest_streak_days", F.lit(0)), None),
                "most_skipped_artist": (F.when(F.col("skips_known") >= SKIPPED_PLAYS, F.col("skip_rate")), None),
            },
            (None, "artist_name", "artist_key"),
        ),
        _candidates(
            listening_streaks.where("entity_type = 'any'"), {"longest_streak": (F.col("days"), F.col("start"))}
        ),
        _candidates(
            listening_sessions.withColumn("minutes", minutes),
            {
                "longest_session": (F.col("ms_played"), day),
                # The largest value is the record: of early ones the smallest, counted from the end of the night.
                "earliest_start": (-F.col("minutes"), day),
                "latest_start": (F.col("minutes"), day),
            },
        ),
    ]
    best = Window.partitionBy("listener", "record").orderBy(F.desc("record_value"), "happened_on", "entity_key")
    units = F.create_map(*[F.lit(text) for name, (unit, _) in RECORDS.items() for text in (name, unit)])
    return (
        reduce(DataFrame.unionByName, candidates)
        .withColumn("place", F.row_number().over(best))
        .where("place = 1")
        .select(
            "listener",
            "record",
            F.when(units[F.col("record")] == "minutes", (F.abs("record_value") + night) % DAY_MINUTES)
            .otherwise(F.col("record_value"))
            .alias("record_value"),
            units[F.col("record")].alias("unit"),
            "happened_on",
            "name",
            "artist_name",
        )
    )


def _candidates(
    rows: DataFrame,
    values: dict[str, tuple[Column, Column | None]],
    of: tuple[str | None, str | None, str | None] = (None, None, None),
) -> DataFrame:
    """A row of each record for each row: its value and day, name, artist and key; not of values that are null."""
    name, artist, key = (F.lit(None) if column is None else F.col(column) for column in of)
    found = F.array(
        *[
            F.struct(
                F.lit(record).alias("record"),
                F.round(value.cast("double"), 6).alias("record_value"),
                (F.lit(None) if on is None else on).cast("date").alias("happened_on"),
            )
            for record, (value, on) in values.items()
        ]
    )
    return (
        rows.select(
            "listener",
            F.explode(found).alias("found"),
            name.cast("string").alias("name"),
            artist.cast("string").alias("artist_name"),
            key.cast("bigint").alias("entity_key"),
        )
        .select("listener", "found.*", "name", "artist_name", "entity_key")
        .where("record_value IS NOT NULL")
    )
