"""Where a listener was, by the country of the connection."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN
from spotify_assets.model.places import HOME_DAYS, LIFT_PLAYS, LIFTED, TRIP_GAP_DAYS
from spotify_assets.transforms.aggregates import MAX_NAME_LENGTH
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.metrics import sums

PLACE_MEASURES = ("plays", "ms_played")
# That `HOME_DAYS` up to a day of a month can meet, that month included.
HOME_MONTHS = HOME_DAYS // 28 + 2


def listening_places(hourly_listening: DataFrame) -> DataFrame:
    """One row per listener, local month and known country with a play.

    Args:
        hourly_listening: Whole table.
    """
    by_day = _by_day(hourly_listening)
    months = by_day.groupBy("listener", "month", "conn_country").agg(
        *sums(PLACE_MEASURES), F.count_if("is_place").alias("days")
    )
    return months.join(_homes(by_day), ["listener", "month"])


def trips(
    hourly_listening: DataFrame, listening_places: DataFrame, daily_track_plays: DataFrame, dim_recording: DataFrame
) -> DataFrame:
    """One row per listener and trip.

    Args:
        hourly_listening: Whole table.
        listening_places: Whole table: the home of each month.
        daily_track_plays: Whole table: what was played on the days of a trip.
        dim_recording: Whole table: canonical recordings and their names.
    """
    if not has_rows(listening_places.where("conn_country <> home")):
        return literal_rows(listening_places.sparkSession, "trips", [])
    homes = listening_places.select("listener", "month", "home").distinct()
    places = _by_day(hourly_listening).where("is_place").select("listener", "date", "month", "conn_country")
    in_order = Window.partitionBy("listener").orderBy("date")
    before = {name: F.lag(name).over(in_order) for name in ("conn_country", "date", "is_away")}
    days = places.join(homes, ["listener", "month"]).withColumn("is_away", F.col("conn_country") != F.col("home"))
    goes_on = (
        before["is_away"]
        & (before["conn_country"] == F.col("conn_country"))
        & (F.date_diff("date", before["date"]) <= TRIP_GAP_DAYS)
    )
    opened = days.select("*", F.coalesce(~goes_on, F.lit(True)).cast("bigint").alias("opens"))
    away = opened.select(
        "*", F.sum("opens").over(in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)).alias("number")
    ).where("is_away")
    found = away.groupBy("listener", "number").agg(
        F.min("date").alias("trip_start"),
        F.max("date").alias("trip_end"),
        F.min("conn_country").alias("country"),
        F.min_by("home", "date").alias("home"),
        F.count(F.lit(1)).cast("int").alias("listening_days"),
    )
    spans = found.select(
        "listener",
        "trip_start",
        "trip_end",
        "country",
        "home",
        (F.date_diff("trip_end", "trip_start") + 1).cast("int").alias("days"),
        "listening_days",
    )
    trip = ["listener", "trip_start"]
    each_day = F.explode(F.sequence("trip_start", "trip_end")).alias("date")
    trip_days = spans.select(*trip, each_day)
    totals = hourly_listening.groupBy("listener", "date").agg(*sums(PLACE_MEASURES))
    heard = broadcast_join(trip_days, totals, ["listener", "date"], "inner").groupBy(*trip).agg(*sums(PLACE_MEASURES))
    described = spans.join(heard, trip)
    return described.join(_top_recordings(trip_days, daily_track_plays, dim_recording), trip, "left")


def _by_day(hourly_listening: DataFrame) -> DataFrame:
    """One row per listener, local date and known country; `is_place` where most of that day was heard."""
    known = hourly_listening.where(F.col("conn_country") != UNKNOWN)
    days = known.groupBy("listener", "date", "conn_country").agg(*sums(PLACE_MEASURES))
    most_first = Window.partitionBy("listener", "date").orderBy(F.desc("ms_played"), "conn_country")
    return days.select(
        "*", F.trunc("date", "month").alias("month"), (F.row_number().over(most_first) == 1).alias("is_place")
    )


def _homes(by_day: DataFrame) -> DataFrame:
    """`home` by listener and local month."""
    # Days meet only the months in which they are recent: with all of ten years' months, there are 400 thousand pairs.
    near = F.explode(F.array(*[F.add_months("month", later) for later in range(HOME_MONTHS)])).alias("month")
    places = by_day.where("is_place").select("listener", "date", near, F.col("conn_country").alias("home"))
    months = by_day.groupBy("listener", "month").agg(F.max("date").alias("last_date"))
    age = F.date_diff("last_date", "date")
    counted = (
        broadcast_join(months, places, ["listener", "month"], "inner")
        .where((age >= 0) & (age < HOME_DAYS))
        .groupBy("listener", "month", "home")
        .agg(F.count(F.lit(1)).alias("days"))
    )
    most_first = Window.partitionBy("listener", "month").orderBy(F.desc("days"), "home")
    ranked = counted.select("listener", "month", "home", F.row_number().over(most_first).alias("place"))
    return ranked.where("place = 1").drop("place")


def _top_recordings(trip_days: DataFrame, daily_track_plays: DataFrame, dim_recording: DataFrame) -> DataFrame:
    """By trip, the recordings with the highest lift: their share of its plays by their share of all plays."""
    tracks = merge_keys(daily_track_plays, dim_recording, "recording_key")
    all_time = tracks.groupBy("listener", "recording_key").agg(F.sum("plays").alias("all_plays"))
    trip = ["listener", "trip_start"]
    there = (
        broadcast_join(trip_days, tracks, ["listener", "date"], "inner")
        .groupBy(*trip, "recording_key")
        .agg(F.sum("plays").alias("plays"))
    )
    # Within a trip the numbers of all plays are the same, so that lift orders as this ratio does.
    lifted = (
        broadcast_join(there.where(F.col("plays") >= LIFT_PLAYS), all_time, ["listener", "recording_key"], "inner")
        .withColumn("lift", F.col("plays") / F.col("all_plays"))
        .join(dim_recording.select("recording_key", "artist_name", "track_name"), "recording_key")
    )
    highest_first = Window.partitionBy(*trip).orderBy(F.desc("lift"), F.desc("plays"), "recording_key")
    name = F.concat_ws(" - ", "artist_name", "track_name")
    ranked = lifted.select(*trip, name.alias("name"), F.row_number().over(highest_first).alias("place"))
    # One digit of the place goes before the name, to sort by, and is cut off again.
    placed = F.concat(F.col("place").cast("string"), F.col("name")).alias("placed")
    lists = (
        ranked.where(F.col("place") <= LIFTED)
        .select(*trip, placed)
        .groupBy(*trip)
        .agg(F.sort_array(F.collect_list("placed")).alias("placed"))
    )
    return lists.select(
        *trip, F.transform("placed", lambda one: F.substring(one, 2, MAX_NAME_LENGTH)).alias("top_recordings")
    )
