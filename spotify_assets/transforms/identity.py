"""Canonical keys: which keys of names are one recording, artist or album.

Keys are hashes of names, so that they follow from a play alone. Links between them (a shared Spotify id, an ISRC) make
connected components, and each component has one canonical key, by which metrics count.
"""

from collections.abc import Iterable, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import MERGED_BY
from spotify_assets.transforms.aggregates import latest_first_order
from spotify_assets.transforms.asking import ask, ask_table, has_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import normalize_name

# More links are searched by the engine: to search so many here takes half a second. Real histories have hundreds.
MAX_LINKS = 100_000
# Enough for a chain of 200 keys that are linked with the next only; components of real histories have up to 3 keys.
ROUNDS = 10


def links_of(rows: DataFrame, shared: str, key: str, evidence: str) -> DataFrame | None:
    """Links between the keys that share a value: `key`, the smallest of these keys (`linked`), and `evidence`.

    None if no value is shared: to ask first saves planning what joins on it.

    Args:
        rows: Keys, and what they may share; rows of which either is null are passed over.
        shared: Column of the value.
        key: Column of the key.
        evidence: One of `MERGED_BY`.
    """
    several = (
        rows.where(F.col(shared).isNotNull())
        .groupBy(shared)
        .agg(F.min(key).alias("linked"), F.max(key).alias("largest"))
        .where("linked <> largest")
        .select(shared, "linked")
    )
    if not has_rows(several):
        return None
    code = F.lit(MERGED_BY.index(evidence)).alias("evidence")
    return (
        broadcast_join(several, rows.select(shared, key), shared, "inner")
        .select(F.col(key).alias("key"), "linked", code)
        .where("key IS NOT NULL")
        .distinct()
    )


def merge_links(
    raw_merges: DataFrame, kind: str, named: DataFrame, key: str
) -> tuple[DataFrame | None, DataFrame] | None:
    """Links by what a person merged, and the keys that the others are merged into; None if there are no lines.

    Lines are read while the query is built, so that a lake without any joins nothing.

    Args:
        raw_merges: Whole table.
        kind: Lines of this kind.
        named: Keys, and a `name` or id of each, normalized: a key may have several.
        key: Column of the key.
    """
    lines = ask(raw_merges.where(F.col("kind") == kind).select("merge_id", "merged_from", "merged_into"))
    if not lines:
        return None
    ends = [
        (line[column], line["merge_id"], column == "merged_from")
        for line in lines
        for column in ("merged_from", "merged_into")
    ]
    told = raw_merges.sparkSession.createDataFrame(ends, "name string, merge_id string, is_from boolean")
    spelled = told.unionByName(told.withColumn("name", normalize_name(F.col("name"))))
    matched = broadcast_join(spelled, named.select(key, "name"), "name", "inner").select(key, "merge_id", "is_from")
    last = matched.groupBy(key).agg(F.max("is_from").alias("is_from")).where(~F.col("is_from")).select(key)
    return links_of(matched, "merge_id", key, "override"), last


def prefer(last: DataFrame, seen: DataFrame, key: str) -> DataFrame:
    """`seen` for `canonical_keys`, where these keys come before all others."""
    first = F.concat_ws("", F.lit("!"), "order").alias("order")
    return seen.select(key, "order").unionByName(broadcast_join(last, seen, key, "inner").select(key, first))


def artist_and_title(artist: Column | str, title: Column | str) -> Column:
    """How a person names a recording or album, normalized: `artist - title`."""
    parts = (F.col(part) if isinstance(part, str) else part for part in (artist, title))
    return F.concat(*[part for name in parts for part in (normalize_name(name), F.lit(" - "))][:-1])


def canonical_keys(links: Sequence[DataFrame | None], seen: DataFrame, key: str) -> DataFrame | None:
    """One row per linked key: `key`, the `canonical_key` of its component, and `merged_by`; None if there is no link.

    Links are read while the query is built: mostly there are few, and what they come from isn't computed again.

    Args:
        links: As by `links_of`, of one or more kinds.
        seen: Keys with `order`, text that is smallest for the key to be taken; see `seen_order`.
        key: Column of the key in `seen` and in the result.

    Returns:
        `merged_by` is the first of `MERGED_BY` that links the key with another one.
    """
    kinds = [kind for kind in links if kind is not None]
    if not kinds:
        return None
    all_links = reduce(DataFrame.unionByName, kinds)
    found = ask_table(all_links.select("key", "linked", "evidence").limit(MAX_LINKS + 1))
    if not found.num_rows:
        return None
    if found.num_rows > MAX_LINKS:
        members = _components(all_links)
    else:
        known = components_of(zip(*(column.to_pylist() for column in found.columns), strict=True))
        members = seen.sparkSession.createDataFrame(known, "key bigint, component bigint, evidence int")
    orders = (
        broadcast_join(members, seen.select(F.col(key).alias("key"), "order"), "key", "inner")
        .groupBy("key", "component", "evidence")
        .agg(F.min("order").alias("order"))
        .withColumn("order", F.concat_ws(" ", "order", F.col("key").cast("string")))
    )
    first = F.min("order").over(Window.partitionBy("component"))
    return orders.select(
        F.col("key").alias(key),
        F.substring_index(first, " ", -1).cast("bigint").alias("canonical_key"),
        F.get(F.array(*map(F.lit, MERGED_BY)), F.col("evidence")).alias("merged_by"),
    )


def seen_order(seen_at: str, *, played: bool, is_named: Column | None = None) -> Column:
    """Text that is smallest for what has a name, then for what was played, then for the latest."""
    unnamed = F.lit("0") if is_named is None else F.when(is_named, "0").otherwise("1")
    return F.concat_ws("", unnamed, F.lit("0" if played else "1"), latest_first_order(seen_at)).alias("order")


def merge_keys(rows: DataFrame, dimension: DataFrame, key: str) -> DataFrame:
    """The rows with each key replaced by its canonical one.

    Args:
        rows: Rows with the column `key`.
        dimension: Whole dimension of that key, with `canonical_<key>`.
        key: Column of the key.
    """
    canonical = f"canonical_{key}"
    # Few keys have another canonical key, so the rows are joined with little.
    merged = dimension.where(F.col(canonical) != F.col(key)).select(F.col(key).alias("merged_key"), canonical)
    joined = broadcast_join(merged, rows, F.col("merged_key") == F.col(key), "right")
    return joined.withColumn(key, F.coalesce(canonical, key)).drop("merged_key", canonical)


def components_of(links: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Each linked key, the smallest key that it is connected with, and the least evidence of its own links.

    Args:
        links: Two keys and the evidence each.
    """
    smaller: dict[int, int] = {}
    least: dict[int, int] = {}

    def smallest(key: int) -> int:
        while (before := smaller.setdefault(key, key)) != key:
            smaller[key] = smaller[before]
            key = before
        return key

    for key, linked, evidence in links:
        for end in (key, linked):
            least[end] = min(evidence, least.get(end, evidence))
        first, second = sorted((smallest(key), smallest(linked)))
        smaller[second] = first
    return [(key, smallest(key), evidence) for key, evidence in least.items()]


def _components(links: DataFrame) -> DataFrame:
    """As `components_of`, computed by the engine: `key`, `component` and `evidence`.

    Hash-to-Min (Rastogi et al., "Finding connected components in Map-Reduce in logarithmic rounds", 2013): each key
    tells all keys that it knows the smallest of them, and the smallest all others. A query refers to each round once,
    so that its plan grows with the rounds and doesn't double with each; nothing is computed before it is written.
    """
    both_ways = links.unionByName(links.selectExpr("linked AS key", "key AS linked", "evidence"))
    clusters = both_ways.groupBy("key").agg(
        F.min("evidence").alias("evidence"), F.collect_set("linked").alias("members")
    )
    clusters = clusters.withColumn("members", F.array_union("members", F.array("key")))
    for _ in range(ROUNDS):
        smallest, to = F.array_min("members"), F.col("to")
        told = F.when(to == smallest, F.col("members")).otherwise(F.array(smallest))
        clusters = (
            clusters.select("key", "evidence", "members", F.explode("members").alias("to"))
            .select(
                to.alias("key"),
                F.when(to == F.col("key"), F.col("evidence")).alias("evidence"),
                F.when(to == F.col("key"), F.array_union(told, F.array("key"))).otherwise(told).alias("members"),
            )
            .groupBy("key")
            .agg(
                F.min("evidence").alias("evidence"),
                F.array_distinct(F.flatten(F.collect_list("members"))).alias("members"),
            )
        )
    return clusters.select("key", F.array_min("members").alias("component"), "evidence")
