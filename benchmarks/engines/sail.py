"""The project's transforms on embedded Sail; `benchmarks.engines.spark` runs the same on Apache Spark."""

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from benchmarks.engines import OWN_TABLES
from benchmarks.engines import TABLES as BENCHMARKED
from spotify_assets import transforms
from spotify_assets.engine.session import spark_session
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import load_settings


def start() -> SparkSession:
    session = spark_session()
    session.range(1).collect()
    return session


def run(session: SparkSession, history: Path, output: Path) -> Iterator[str]:
    settings = load_settings()
    frames = {name: session.read.parquet(str(history / name)) for name in ("raw_plays", "raw_files")}
    for table in lineage.computed_tables():
        if table not in BENCHMARKED + OWN_TABLES:
            continue
        options = {"settings": settings} if lineage.takes(table, "settings") else {}
        for name in lineage.upstreams(table):
            frames.setdefault(name, empty(session, name))
        frame = getattr(transforms, table)(*[frames[name] for name in lineage.upstreams(table)], **options)
        folder = str(output / table)
        frame.select(*TABLES[table].columns).write.option("compression", "snappy").parquet(folder)
        frames[table] = session.read.parquet(folder)
        yield table


def empty(session: SparkSession, table: str) -> DataFrame:
    """An empty table: the benchmark's input has no playlists and no metadata."""
    return session.createDataFrame(
        [], ", ".join(f"`{name}` {type_}" for name, type_ in TABLES[table].spark_types.items())
    )
