"""How the listeners of a lake resemble each other."""

from collections.abc import Iterable
from functools import reduce
from itertools import combinations

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from spotify_assets.model.people import ENTITY_TYPES, FAVOURITES
from spotify_assets.transforms.asking import ask, ask_table
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import SEPARATOR

PAIR = ("listener_a", "listener_b", "entity_type")
# What two listeners share is a row for each of them: of so many rows the embedded engine needs 1.5 GB.
MAX_PAIRED = 5_000_000


def listener_affinity(track_metrics: DataFrame, artist_metrics: DataFrame, album_metrics: DataFrame) -> DataFrame:
    """One row per two listeners and entity type (track, artist, album): how alike is what they heard; all time.

    Args:
        track_metrics: Whole table.
        artist_metrics: Whole table.
        album_metrics: Whole table.
    """
    spark = track_metrics.sparkSession
    heard = _entities(track_metrics, artist_metrics, album_metrics)
    ms_played = F.col("ms_played").cast("double")
    # A row per listener and type: they are known before the rows of entities are paired.
    totals = ask(
        heard.groupBy("entity_type", "listener")
        .agg(
            F.count(F.lit(1)).alias("entities"),
            F.sum("ms_played").alias("ms_played"),
            F.sqrt(F.sum(ms_played * ms_played)).alias("norm"),
            F.sum(1 / F.col("rank")).alias("rank_weight"),
        )
        .orderBy("entity_type", "listener")
    )
    pairs = [
        (
            *(a["listener"], b["listener"], a["entity_type"]),
            *(a["entities"], b["entities"], a["ms_played"], b["ms_played"]),
            a["norm"] * b["norm"],
            min(a["rank_weight"], b["rank_weight"]),
        )
        for a, b in combinations(totals, 2)
        if a["entity_type"] == b["entity_type"]
    ]
    if not pairs:
        return literal_rows(spark, "listener_affinity", [])
    pair_totals = spark.createDataFrame(
        pairs,
        "listener_a string, listener_b string, entity_type string, entities_a bigint, entities_b bigint, "
        "ms_played_a bigint, ms_played_b bigint, norms double, rank_weight double",
    )
    measures = ("listener", "ms_played", "rank", "first_played_at")
    a, b = (
        heard.select("entity_type", "entity_key", *more, *[F.col(name).alias(f"{name}_{side}") for name in measures])
        for side, more in (("a", ("name",)), ("b", ()))
    )
    groups = _first_of_pairs(totals)
    if len(groups) == 1:
        shared = _shared(a, b, pair_totals)
    else:
        parts = [ask_table(_shared(a.where(F.col("listener_a").isin(*names)), b, pair_totals)) for names in groups]
        shared = spark.createDataFrame(pa.concat_tables(parts))
    is_heard = (F.col("ms_played_a") > 0) & (F.col("ms_played_b") > 0)

    def rounded(name: str, whole: str | None = None) -> Column:
        value = F.coalesce(name, F.lit(0.0))
        # Sums of rounded numbers may be a little more than 1.
        return F.least(F.round(value / F.col(whole) if whole else value, 6), F.lit(1.0))

    def of_favourites(part: int) -> Column:
        named = F.transform("favourites", lambda one: F.get(F.split(one, SEPARATOR), F.lit(part)))
        return F.coalesce(named, F.array().cast("array<string>"))

    return broadcast_join(shared, pair_totals, list(PAIR), "right").select(
        *PAIR,
        F.coalesce("shared", F.lit(0)).alias("shared"),
        "entities_a",
        "entities_b",
        "ms_played_a",
        "ms_played_b",
        F.when(is_heard, rounded("product", "norms")).alias("cosine"),
        F.when(is_heard, rounded("smaller_shares")).alias("shared_minimum"),
        rounded("rank_weights", "rank_weight").alias("rank_weighted"),
        of_favourites(2).alias("shared_favourites"),
        of_favourites(1).alias("heard_first_by"),
    )


def _first_of_pairs(totals: Iterable[Row]) -> list[list[str]]:
    """Groups of listeners that are the first of pairs which together share at most about `MAX_PAIRED` entities.

    Args:
        totals: `entity_type`, `listener` and number of `entities`, sorted by these.
    """
    shared: dict[str, int] = {}
    for a, b in combinations(totals, 2):
        if a["entity_type"] == b["entity_type"]:
            shared[a["listener"]] = shared.get(a["listener"], 0) + min(a["entities"], b["entities"])
    groups: list[list[str]] = []
    rows = 0
    for listener, entities in shared.items():
        if not groups or rows + entities > MAX_PAIRED:
            groups.append([])
            rows = 0
        groups[-1].append(listener)
        rows += entities
    return groups


def _shared(a: DataFrame, b: DataFrame, pair_totals: DataFrame) -> DataFrame:
    """What pairs of listeners share: one row per pair and entity type.

    Args:
        a: Entities of the first of each pair.
        b: Entities of all listeners.
        pair_totals: The pairs, with the listening time of each.
    """
    both = a.join(b, ["entity_type", "entity_key"]).where("listener_a < listener_b")
    both = broadcast_join(
        pair_totals.select(*PAIR, F.col("ms_played_a").alias("all_a"), F.col("ms_played_b").alias("all_b")),
        both,
        list(PAIR),
        "inner",
    )
    both = both.withColumns(
        {
            "smaller_share": F.least(
                *[F.col(f"ms_played_{side}") / F.nullif(F.col(f"all_{side}"), F.lit(0)) for side in "ab"]
            ),
            "first": F.when(F.col("first_played_at_a") <= F.col("first_played_at_b"), F.col("listener_a")).otherwise(
                F.col("listener_b")
            ),
        }
    )
    place = F.row_number().over(Window.partitionBy(*PAIR).orderBy(F.desc("smaller_share"), "entity_key"))
    favourite = F.concat(F.format_string("%02d", "place"), F.lit(SEPARATOR), "first", F.lit(SEPARATOR), "name")
    return (
        both.withColumn("place", place)
        .groupBy(*PAIR)
        .agg(
            F.count(F.lit(1)).alias("shared"),
            F.sum(F.col("ms_played_a").cast("double") * F.col("ms_played_b")).alias("product"),
            F.sum("smaller_share").alias("smaller_shares"),
            F.sum(1 / F.greatest("rank_a", "rank_b")).alias("rank_weights"),
            F.array_sort(F.collect_list(F.when(F.col("place") <= FAVOURITES, favourite))).alias("favourites"),
        )
    )


def _entities(*metrics: DataFrame) -> DataFrame:
    """One row per listener, entity type and canonical key, with listening time, rank, first play and name."""
    names = {
        "track": ("recording_key", F.concat_ws(" - ", "artist_name", "track_name")),
        "artist": ("artist_key", F.col("artist_name")),
        "album": ("album_key", F.concat_ws(" - ", "artist_name", "album_name")),
    }
    frames = [
        rows.select(
            "listener",
            F.lit(entity_type).alias("entity_type"),
            F.col(names[entity_type][0]).alias("entity_key"),
            F.col("total_ms_played").alias("ms_played"),
            "rank",
            "first_played_at",
            names[entity_type][1].alias("name"),
        )
        for entity_type, rows in zip(ENTITY_TYPES, metrics, strict=True)
    ]
    return reduce(DataFrame.unionByName, frames)
