"""`python -m benchmarks.cluster`: compare a sync on a Spark cluster with a plain PySpark job; write CLUSTER.md.

A first sync of ten years, on an Apache Spark cluster of this machine: a master and two workers of one core. The same
transforms run as one plain PySpark job there, which writes Delta tables; through Spark Connect, with a commit a table
that holds the state of its windows; and by `sync`, with Dagster and its checks. All three read the same landed files.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from benchmarks import measure
from spotify_assets.sandbox.spark_cluster import SparkCluster

PLAYS = 1_000_000
REPORT = Path(__file__).parent / "CLUSTER.md"
WAYS = {
    "plain": "one plain PySpark job, Delta tables",
    "direct": "through Spark Connect, with fingerprints in each commit",
    "sync": "the sync, with Dagster and checks",
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as name:
        folder = Path(name)
        measure.require(["-m", "benchmarks.history", "land", str(options.plays), str(folder / "landing")], folder)
        seconds = {}
        for way in WAYS:
            seconds[way] = _run(way, folder)
            print(f"{way}: {seconds[way]:.0f} s", flush=True)
    _save_report(options.plays, seconds)


def _run(way: str, folder: Path) -> float:
    """Seconds of one way, from the landed files to the tables, without the start of the cluster."""
    place = folder / way
    place.mkdir()
    environment = measure.published(place) | {"SPOTIFY_ASSETS_LANDING_URI": str(folder / "landing")}
    result = place / "seconds.json"
    with SparkCluster(place / "logs", has_server=way != "plain") as cluster:
        if way == "plain":
            settings = place / "spark.json"
            settings.write_text(json.dumps({"spark.master": cluster.master} | cluster.settings))
            job = ["-m", "benchmarks.cluster_job", str(settings), str(result)]
        else:
            environment["SPOTIFY_ASSETS_SPARK_REMOTE"] = cluster.remote
            job = ["-m", "benchmarks.sync_job", way, str(result)]
        measure.require(job, place, **environment)
    found = json.loads(result.read_text())
    shutil.rmtree(place)
    return float(found["sync" if way == "sync" else "work"])


def _save_report(plays: int, seconds: dict[str, float]) -> None:
    lines = ["# A cluster", "", __doc__.split("\n\n")[1].strip(), "", f"{plays:,} plays:", ""]
    lines += ["| Way | Time / plain | Seconds |", "|---|---|---|"]
    lines += [f"| {WAYS[way]} | {seconds[way] / seconds['plain']:.2f} | {seconds[way]:.0f} |" for way in WAYS]
    REPORT.write_text("\n".join([*lines, ""]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"number of plays (default {PLAYS:,})")
    parser.add_argument("--folder", type=Path, help="folder for the temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
