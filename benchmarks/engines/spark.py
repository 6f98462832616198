"""The project's transforms on Apache Spark, in a local Spark Connect server."""

from pyspark.sql import SparkSession

from benchmarks.engines.sail import run

__all__ = ["run", "start"]

CONFIG: dict[str, bool | float | int | str | None] = {
    "spark.driver.memory": "8g",
    # Spark's default of 200 is for clusters.
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.session.timeZone": "UTC",
    # All other engines write 64-bit timestamps; Spark's default is 96-bit ones.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
}


def start() -> SparkSession:
    session = SparkSession.builder.remote("local[2]").config(map=CONFIG).getOrCreate()
    session.range(1).collect()
    return session
