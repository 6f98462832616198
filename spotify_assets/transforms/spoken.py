"""What was heard of podcasts and audiobooks. `ms_played` is in milliseconds; days are local."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN
from spotify_assets.transforms.aggregates import MILLION, latest
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import hash64, normalize_name

# Packs a number of episodes and a day into one number; the largest is of the earliest day.
LAST_DAY = 10_000_000


def episode_metrics(daily_spoken_plays: DataFrame, dim_episode: DataFrame) -> DataFrame:
    """One row per listener and podcast episode or audiobook chapter; all time.

    Args:
        daily_spoken_plays: Whole table.
        dim_episode: Whole table: names and lengths.
    """
    if not has_rows(daily_spoken_plays):
        return literal_rows(daily_spoken_plays.sparkSession, "episode_metrics", [])
    heard = daily_spoken_plays.groupBy("listener", "episode_key").agg(
        F.sum("plays").alias("plays"),
        F.sum("ms_played").alias("ms_played"),
        F.sum("streams").alias("parts"),
        F.countDistinct("date").alias("days"),
        (F.sum("finished") > 0).alias("finished"),
        F.min("first_played_at").alias("first_played_at"),
        F.max("last_played_at").alias("last_played_at"),
    )
    told = dim_episode.select("episode_key", "content_type", "episode_name", "show_name", "duration_ms")
    length = F.nullif("duration_ms", F.lit(0))
    share = F.when(F.col("finished"), 1.0).otherwise(F.least(F.col("ms_played") / length, F.lit(1.0)))
    return heard.join(told, "episode_key").withColumn("completion", F.when(length.isNotNull(), F.round(share, 6)))


def show_metrics(episode_metrics: DataFrame, daily_spoken_plays: DataFrame) -> DataFrame:
    """One row per listener and podcast or audiobook, by normalized name; all time.

    Args:
        episode_metrics: Whole table.
        daily_spoken_plays: Whole table: days.
    """
    if not has_rows(episode_metrics):
        return literal_rows(episode_metrics.sparkSession, "show_metrics", [])
    episodes = episode_metrics.where(F.col("show_name") != UNKNOWN).withColumn(
        "show_key", hash64(F.col("content_type"), normalize_name(F.col("show_name")))
    )
    by_day = (
        broadcast_join(
            episodes.select("listener", "episode_key", "show_key"),
            daily_spoken_plays.select("listener", "episode_key", "date", "streams"),
            ["listener", "episode_key"],
            "inner",
        )
        .groupBy("listener", "show_key", "date")
        .agg(F.countDistinct(F.when(F.col("streams") > 0, F.col("episode_key"))).alias("heard"))
        .withColumn("binge", F.col("heard") * LAST_DAY + (LAST_DAY - 1 - F.unix_date("date")))
        .groupBy("listener", "show_key")
        .agg(F.count(F.lit(1)).alias("days"), F.max("binge").alias("binge"))
    )
    shows = episodes.groupBy("listener", "show_key", "content_type").agg(
        latest("show_name").alias("show_name"),
        F.count(F.lit(1)).alias("episodes"),
        F.sum("plays").alias("plays"),
        F.sum("ms_played").alias("ms_played"),
        F.count_if("finished").alias("episodes_finished"),
        F.count_if(F.col("parts") > 1).alias("episodes_resumed"),
        F.count("completion").alias("lengths_known"),
        F.sum(F.round(F.col("completion") * MILLION).cast("bigint")).alias("millionths"),
        F.min("first_played_at").alias("first_played_at"),
        F.max("last_played_at").alias("last_played_at"),
    )
    most_heard_first = Window.partitionBy("listener").orderBy(F.desc("ms_played"), "show_key")
    heard = F.floor(F.col("binge") / LAST_DAY).cast("bigint")
    day: Column = F.date_from_unix_date((LAST_DAY - 1 - F.col("binge") % LAST_DAY).cast("int"))
    return (
        broadcast_join(by_day, shows, ["listener", "show_key"], "inner")
        .withColumns(
            {
                "completion": F.round(F.col("millionths") / F.nullif("lengths_known", F.lit(0)) / MILLION, 6),
                "longest_binge": heard,
                "longest_binge_on": day,
                "rank": F.row_number().over(most_heard_first).cast("bigint"),
            }
        )
        .withColumn("longest_binge_on", F.when(F.col("longest_binge") > 0, F.col("longest_binge_on")))
        .drop("binge", "millionths")
    )
