"""Compute all tables in one plain PySpark job: `python -m benchmarks.cluster_job <Spark settings> <result file>`.

Environment variables set the landing zone and the lake.
"""

import json
import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from spotify_assets.engine.apache_spark import LOOPBACK, LOOPBACK_SETTINGS, SERVER_SETTINGS, jars_folder
from spotify_assets.engine.session import SESSION_SETTINGS
from spotify_assets.ingest.history import ingest
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh import plan, staleness
from spotify_assets.refresh.frames import LakeFrames, select_model_columns
from spotify_assets.sandbox.spark_cluster import SERVER_MEMORY
from spotify_assets.settings import load_settings


def main(settings_file: Path, result: Path) -> None:
    """Read what has landed, compute every table, write each as a Delta table; write the seconds as JSON."""
    settings = load_settings()
    session = _session(json.loads(settings_file.read_text()))
    lake = Lake(settings.lake_uri)
    frames = LakeFrames(lake, settings, lambda: session)
    began = time.perf_counter()
    ingest(LandingZone(settings.landing_uri), lake, settings)
    for run in plan.plan_runs(staleness.stale(lake, settings), settings):
        for table in run.tables:
            model = TABLES[table]
            rows = select_model_columns(model, frames.compute(table, run.keys if model.is_partitioned else ()))
            writer = rows.write.format("delta").mode("overwrite")
            if model.is_partitioned:
                writer = writer.partitionBy(model.layout_column)
            writer.save(lake.table_uri(table))
    result.write_text(json.dumps({"work": time.perf_counter() - began}))


def _session(settings: dict[str, str]) -> SparkSession:
    """A session whose driver is this process's Java, with the settings and the memory of the Connect server."""
    os.environ.update(LOOPBACK)
    classes = f"{jars_folder()}/*"
    own = {
        "spark.driver.memory": SERVER_MEMORY,
        "spark.driver.extraClassPath": classes,
        "spark.executor.extraClassPath": classes,
    }
    every: dict[str, bool | float | int | str | None] = {
        **SERVER_SETTINGS,
        **LOOPBACK_SETTINGS,
        **own,
        **SESSION_SETTINGS,
        **settings,
    }
    return SparkSession.builder.config(map=every).getOrCreate()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
