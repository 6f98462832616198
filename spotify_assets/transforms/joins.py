"""Joins and unions that Sail and Apache Spark both run well."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def broadcast_join(small: DataFrame, large: DataFrame, on: Column | str | list[str], how: str) -> DataFrame:
    """Join that keeps only the small side in memory. `how` is seen from the small side: it is the left one.

    Apache Spark follows the broadcast hint. Sail ignores it and builds its hash table from the left side: with ten
    million plays there, a join with one file took 10 GB and five times as long.
    """
    return F.broadcast(small).join(large, on, how)


def look_up(small: DataFrame, large: DataFrame, on: Column | str | list[str]) -> DataFrame:
    """Each row of the large side with its row of the small one, as an inner join gives them, for use in further joins.

    Of an inner join, Sail expects as many rows as the small side has, and takes the result for the small side of the
    next join: ten million plays were kept in memory so, 12 GB instead of 2, and took twice the time. Of a right join
    it expects all rows. It makes an inner join of one with a condition that null can't meet, unless that is hidden.
    """
    found = F.coalesce("found", F.lit(0)) > 0
    return broadcast_join(small.withColumn("found", F.lit(1)), large, on, "right").where(found).drop("found")


def union_by_name(*frames: DataFrame) -> DataFrame:
    """All rows of all frames. A column that one frame lacks is null there, with the type of the other frames.

    `unionByName(allowMissingColumns=True)` leaves such a column untyped on Sail, and so does `min` of it.
    """
    types = {name: type_ for frame in frames for name, type_ in frame.dtypes}
    completed = [
        frame.select("*", *[F.lit(None).cast(types[name]).alias(name) for name in types if name not in frame.columns])
        for frame in frames
    ]
    return reduce(DataFrame.unionByName, completed)
