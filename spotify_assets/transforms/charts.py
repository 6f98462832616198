"""Charts: what was heard longest in a week, month, quarter, year, and of all time.

Days are local dates, `ms_played` is in milliseconds.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.periods import CHART_ENTITIES, CHART_PERIODS
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.periods import canonical_track_plays, previous_start, starts_of

# Kinds of charts. Their numbers are quicker to group by than names.
SERIES = tuple((entity, period) for entity in CHART_ENTITIES for period in CHART_PERIODS)
SERIES_COLUMNS = ("entity_type", "period_type")


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
        dim_listener: Whole table: the first day, from which `all` starts.
        dim_recording: Whole table: canonical recordings, and their names.
        dim_artist: Whole table: canonical artists, and their names.
        dim_album: Whole table: canonical albums, and their names.
        settings: `chart_size`, the number of places.
    """
    if not has_rows(daily_track_plays):
        return literal_rows(daily_track_plays.sparkSession, "top_charts", [])
    heard = canonical_track_plays(daily_track_plays, dim_recording, dim_artist, dim_album)
    charts = _ranked(heard.withColumns(starts_of(F.col("date"), CHART_PERIODS)), settings.chart_size)
    of_entity = Window.partitionBy("listener", "series", "entity_key").orderBy("period_start")
    so_far = of_entity.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    charts = charts.select(
        "*",
        F.lag("period_start").over(of_entity).alias("last_start"),
        F.lag("rank").over(of_entity).alias("last_rank"),
        F.min("rank").over(so_far).alias("peak_rank"),
        F.row_number().over(of_entity).cast("bigint").alias("periods_on_chart"),
    )
    charts = charts.select("*", *[_by_series(place).alias(name) for place, name in enumerate(SERIES_COLUMNS)])
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
        _entity_names(dim_recording, dim_artist, dim_album), charts, ["entity_type", "entity_key"], "inner"
    )
    first_days = dim_listener.select("listener", F.col("first_date").alias("first_day"))
    return (
        broadcast_join(first_days, charts, "listener", "inner")
        .withColumn("period_start", F.coalesce("period_start", "first_day"))
        .drop("first_day", "series", "last_start", "last_rank")
    )


def _ranked(heard: DataFrame, size: int) -> DataFrame:
    """The entities with most `ms_played` by listener, `series` and `period_start`, with `rank` and `total_ms_played`.

    Of each period an array is sorted: a window would sort the entities of all periods together, which takes longer.

    Args:
        heard: Listening by day, with a column for the start of each kind of period.
        size: Number of entities.
    """
    series = [
        F.struct(
            F.lit(place).alias("series"),
            F.col(f"{CHART_ENTITIES[entity]}_key").alias("entity_key"),
            F.col(f"{period}_start").alias("period_start"),
        )
        for place, (entity, period) in enumerate(SERIES)
    ]
    period = ("listener", "series", "period_start")
    entry = F.struct((-F.col("ms_played")).alias("less_ms_played"), "entity_key", "plays")
    return (
        heard.select("listener", "plays", "ms_played", F.explode(F.array(*series)).alias("of"))
        .select("listener", "of.*", "plays", "ms_played")
        .groupBy(*period, "entity_key")
        .agg(F.sum("ms_played").alias("ms_played"), F.sum("plays").alias("plays"))
        .groupBy(*period)
        .agg(
            F.sum("ms_played").alias("total_ms_played"),
            F.collect_list(F.when(F.col("entity_key") != UNKNOWN_NUMBER, entry)).alias("entries"),
        )
        .select(
            *period, "total_ms_played", F.posexplode(F.slice(F.array_sort("entries"), 1, size)).alias("place", "entry")
        )
        .select(
            *period,
            "total_ms_played",
            (F.col("place") + 1).cast("bigint").alias("rank"),
            "entry.entity_key",
            "entry.plays",
            (-F.col("entry.less_ms_played")).alias("ms_played"),
        )
    )


def _by_series(place: int) -> Column:
    """Kind of entity, or of period, of the column `series`."""
    return F.get(F.array(*[F.lit(of[place]) for of in SERIES]), F.col("series"))


def _entity_names(dim_recording: DataFrame, dim_artist: DataFrame, dim_album: DataFrame) -> DataFrame:
    """One row per entity: `entity_type`, `entity_key`, `name` and `artist_name`."""

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
