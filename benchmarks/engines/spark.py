"""Our transforms on Apache Spark, in a Spark Connect server that it starts for itself."""

from pyspark.sql import SparkSession

from benchmarks.engines.sail import run

__all__ = ["run", "start"]

CONFIG: dict[str, bool | float | int | str | None] = {
    "spark.driver.memory": "8g",
    # 200, its default, is for a cluster.
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.session.timeZone": "UTC",
    # All others write 64-bit times; Spark's own default is 96-bit ones.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
}


def start() -> SparkSession:
    session = SparkSession.builder.remote("local[2]").config(map=CONFIG).getOrCreate()
    session.range(1).collect()
    return session
