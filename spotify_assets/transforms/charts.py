"""Charts: what was heard longest in a week, month, quarter, year, and of all time.

Days are local dates, `ms_played` is in milliseconds.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.periods import CHART_ENTITIES, CHART_PERIODS
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import moved_by, share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.periods import (
    DAY_BITS,
    canonical_track_plays,
    entity_names,
    first_day_of,
    kind_of,
    period_number,
    previous_start,
    starts_of,
)

# Kinds of charts. The kind in a `period_number` is a place in this list.
SERIES = tuple((entity, period) for entity in CHART_ENTITIES for period in CHART_PERIODS)
SERIES_COLUMNS = ("entity_type", "period_type")
LINE = ("listener_number", "series", "entity_key")
# Of a `period_number` of charts.
PERIOD_BITS = DAY_BITS + len(SERIES).bit_length()


def top_charts(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener, kind of entity, period and place on its chart.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: keys, and the first day, from which `all` starts.
        dim_recording: Whole table: canonical recordings, and their names.
        dim_artist: Whole table: canonical artists, and their names.
        dim_album: Whole table: canonical albums, and their names.
        settings: `chart_size` and `weekly_chart_size`, the number of places.
    """
    if not has_rows(daily_track_plays):
        return literal_rows(daily_track_plays.sparkSession, "top_charts", [])
    listeners = dim_listener.select(
        "listener",
        F.row_number()
        .over(Window.partitionBy(F.lit(0)).orderBy("listener_key"))
        .cast("bigint")
        .alias("listener_number"),
        F.col("first_date").alias("first_day"),
    )
    heard = canonical_track_plays(daily_track_plays, dim_recording, dim_artist, dim_album)
    heard = broadcast_join(listeners.select("listener", "listener_number"), heard, "listener", "inner")
    charts = _with_former_places(_ranked(heard, settings.chart_size, settings.weekly_chart_size))
    charts = charts.select(
        "*",
        *[_by_series(place).alias(name) for place, name in enumerate(SERIES_COLUMNS)],
        first_day_of(F.col("period")).alias("period_start"),
        first_day_of(F.col("last_period")).alias("last_start"),
    )
    charts = charts.withColumn("previous_rank", F.when(F.col("last_start") == previous_start(), F.col("last_rank")))
    is_new = F.col("periods_on_chart") == 1
    charts = charts.select(
        "*",
        share_of(F.col("ms_played"), "total_ms_played").alias("share"),
        (F.col("previous_rank") - F.col("rank")).alias("rank_change"),
        is_new.alias("is_new"),
        (F.isnull("previous_rank") & ~is_new).alias("is_reentry"),
    )
    charts = broadcast_join(
        entity_names(dim_recording, dim_artist, dim_album), charts, ["entity_type", "entity_key"], "inner"
    )
    return (
        broadcast_join(listeners, charts, "listener_number", "inner")
        .withColumn(
            "period_start", F.when(F.col("period_type") == "all", F.col("first_day")).otherwise(F.col("period_start"))
        )
        .drop("first_day", "listener_number", "series", "period", "last_period", "last_start", "last_rank")
    )


def _ranked(heard: DataFrame, size: int, weekly_size: int) -> DataFrame:
    """The entities with most `ms_played` by listener and `period`, with `rank` and `total_ms_played`.

    Of each period an array is sorted: a window would sort the entities of all periods together, which takes longer. A
    listener and a period are one number, which takes a fifth less than two columns.

    Args:
        heard: Listening by day, with canonical keys.
        size: Number of entities.
        weekly_size: Number of entities of a week.

    Returns:
        `period` is a `period_number`.
    """
    starts = starts_of(F.col("date"), CHART_PERIODS)
    of_listener = F.shiftleft("listener_number", PERIOD_BITS)
    series = [
        F.struct(
            F.col(f"{CHART_ENTITIES[entity]}_key").alias("entity_key"),
            (of_listener + period_number(place, F.col(f"{period}_start"))).alias("listener_period"),
        )
        for place, (entity, period) in enumerate(SERIES)
    ]
    entry = F.struct((-F.col("ms_played")).alias("less_ms_played"), "entity_key", "plays")
    sizes = F.array(*[F.lit(weekly_size if of == "week" else size) for _, of in SERIES])
    period = F.col("listener_period").bitwiseAND((1 << PERIOD_BITS) - 1)
    entities = (
        heard.select("listener_number", "plays", "ms_played", "recording_key", "artist_key", "album_key", "date")
        .withColumns(starts)
        .select("plays", "ms_played", F.explode(F.array(*series)).alias("one"))
        .select("one.*", "plays", "ms_played")
    )
    return (
        moved_by(entities, "listener_period")
        .groupBy("listener_period", "entity_key")
        .agg(F.sum("ms_played").alias("ms_played"), F.sum("plays").alias("plays"))
        .groupBy("listener_period")
        .agg(
            F.sum("ms_played").alias("total_ms_played"),
            F.collect_list(F.when(F.col("entity_key") != UNKNOWN_NUMBER, entry)).alias("entries"),
        )
        .select(
            "listener_period",
            "total_ms_played",
            F.array_sort("entries").alias("sorted"),
            F.get(sizes, kind_of(period)).alias("size"),
        )
        .select(
            F.shiftright("listener_period", PERIOD_BITS).alias("listener_number"),
            period.alias("period"),
            "total_ms_played",
            F.posexplode(F.slice("sorted", F.lit(1), F.col("size"))).alias("place", "entry"),
        )
        .select(
            "listener_number",
            "period",
            "total_ms_played",
            (F.col("place") + 1).cast("bigint").alias("rank"),
            "entry.entity_key",
            "entry.plays",
            (-F.col("entry.less_ms_played")).alias("ms_played"),
        )
    )


def _with_former_places(charts: DataFrame) -> DataFrame:
    """With the entity's chart before (`last_period`, `last_rank`), `peak_rank` and `periods_on_chart` so far.

    The places of an entity are one sorted list, which takes half of what window functions take.
    """
    place = ("period", "rank", "plays", "ms_played", "total_ms_played")
    none = F.array(F.lit(None).cast("bigint"))
    return (
        charts.withColumn("series", kind_of(F.col("period")))
        .groupBy(*LINE)
        .agg(F.collect_list(F.struct(*place)).alias("listed"))
        .withColumn("places", F.array_sort("listed"))
        .withColumns({"ranks": F.col("places.rank"), "periods": F.col("places.period")})
        .withColumns(
            {
                "last_ranks": F.concat(none, F.slice("ranks", F.lit(1), F.size("ranks") - 1)),
                "last_periods": F.concat(none, F.slice("periods", F.lit(1), F.size("periods") - 1)),
                "peaks": F.aggregate("ranks", F.array().cast("array<bigint>"), _add_peak),
            }
        )
        .select(*LINE, F.posexplode(F.arrays_zip("places", "last_periods", "last_ranks", "peaks")).alias("at", "of"))
        .select(
            *LINE,
            *[F.col(f"of.places.{name}").alias(name) for name in place],
            F.col("of.last_periods").alias("last_period"),
            F.col("of.last_ranks").alias("last_rank"),
            F.col("of.peaks").alias("peak_rank"),
            (F.col("at") + 1).cast("bigint").alias("periods_on_chart"),
        )
    )


def _add_peak(peaks: Column, rank: Column) -> Column:
    """Add the best rank so far to those of the places before."""
    best = F.least(rank, F.coalesce(F.get(peaks, F.size(peaks) - 1), rank))
    return F.concat(peaks, F.array(best))


def _by_series(place: int) -> Column:
    """Kind of entity, or of period, of the column `series`."""
    return F.get(F.array(*[F.lit(of[place]) for of in SERIES]), F.col("series"))
