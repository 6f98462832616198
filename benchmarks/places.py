"""`python -m benchmarks.places`: measure a sync by storage, engine and number of plays; write PLACES.md.

A first sync of ten years, and by place of the month after them, too: on local disk, on S3 (a server on this machine,
with and without the latency of AWS), on an Apache Spark cluster of this machine, and on the embedded engine with one
to fifty million plays; with the peak memory of each.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks import measure, sync
from spotify_assets.landing.zone import LandingZone

PLAYS = 150_000
GROWTH = (1_000_000, 10_000_000, 50_000_000)
# Of a request to S3 within one region.
LATENCY_SECONDS = 0.02
REPORT = Path(__file__).parent / "PLACES.md"
PLACES = ("disk", "s3", "distant s3", "cluster")


@dataclass(frozen=True)
class Measured:
    """A first sync, and the peak memory of its processes, without those of a cluster; and a sync of a new month."""

    where: str
    plays: int
    seconds: float
    peak_bytes: int
    month_seconds: float | None = None


def main() -> None:
    options = _options()
    places: list[Measured] = []
    growth: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
        for where in options.places:
            places.append(_sync(where, options.plays, Path(folder, where.replace(" ", "_")), with_month=True))
            _save_report(places, growth)
        for plays in options.growth:
            growth.append(_sync("disk", plays, Path(folder, str(plays))))
            _save_report(places, growth)


def _sync(where: str, plays: int, folder: Path, *, with_month: bool = False) -> Measured:
    folder.mkdir()
    made = [str(folder / name) for name in ("landing", "month")]
    measure.require(["-m", "benchmarks.history", "land_with_new_month", str(plays), *made], folder)
    month: dict[str, float] = {}
    with ExitStack() as stack:
        environment = stack.enter_context(_place(where, folder))
        seconds, peak = sync.run("sync", folder, **environment)
        if with_month:
            landing = LandingZone(environment.get("SPOTIFY_ASSETS_LANDING_URI", str(folder / "landing")))
            _copy_in(folder / "month", landing)
            month, _ = sync.run("sync", folder, **environment)
    shutil.rmtree(folder)
    measured = Measured(where, plays, seconds["sync"], peak, month.get("sync"))
    print(f"{time.strftime('%H:%M:%S')} {measured}", flush=True)
    return measured


@contextmanager
def _place(where: str, folder: Path) -> Iterator[dict[str, str]]:
    """Environment variables for a sync of the folder's landing zone in this place."""
    if where == "disk":
        yield {}
    elif where == "cluster":
        from spotify_assets.sandbox.spark_cluster import SparkCluster

        with SparkCluster(folder / "logs") as cluster:
            yield {"SPOTIFY_ASSETS_SPARK_REMOTE": cluster.remote}
    else:
        import boto3

        from spotify_assets.sandbox.s3_servers import AWS, running_s3

        with running_s3("localbucket", LATENCY_SECONDS if where == "distant s3" else 0) as address:
            environment = AWS | {"AWS_ENDPOINT_URL": address}
            os.environ.update(environment)
            bucket = f"bucket-{uuid4().hex[:12]}"
            boto3.client("s3").create_bucket(Bucket=bucket)
            landing = LandingZone(f"s3://{bucket}/landing")
            _copy_in(folder / "landing", landing)
            yield environment | {
                "SPOTIFY_ASSETS_LANDING_URI": landing.uri,
                "SPOTIFY_ASSETS_LAKE_URI": f"s3://{bucket}/lake",
            }


def _copy_in(made: Path, landing: LandingZone) -> None:
    for file in LandingZone(str(made)).history_files():
        landing.copy_in(made / file.path, file.path)


def _save_report(places: list[Measured], growth: list[Measured]) -> None:
    """Write the report so far."""
    lines = ["# A sync by storage, engine and number of plays", "", __doc__.split("\n\n")[1].strip(), ""]
    if places:
        first = places[0]
        lines += [
            f"A first sync of {first.plays:,} plays, and one of a new month, checks included:",
            "",
            "| Place | First / disk | First, s | Month / disk | Month, s | Peak memory (GB), without the cluster |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {_label(one.where)} | {one.seconds / first.seconds:.1f} | {one.seconds:.0f} "
            f"| {(one.month_seconds or 0) / (first.month_seconds or 1):.1f} | {one.month_seconds or 0:.0f} "
            f"| {one.peak_bytes / 1e9:.1f} |"
            for one in places
        ]
        lines.append("")
    if growth:
        first = growth[0]
        lines += [
            "On the embedded engine, on disk, by number of plays:",
            "",
            "| Plays | Plays / first | Seconds / first | Seconds | Peak memory (GB) |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {one.plays:,} | {one.plays / first.plays:.0f} | {one.seconds / first.seconds:.1f} "
            f"| {one.seconds:.0f} | {one.peak_bytes / 1e9:.1f} |"
            for one in growth
        ]
        lines.append("")
    REPORT.write_text("\n".join(lines))


def _label(where: str) -> str:
    return {
        "disk": "Folder, embedded engine",
        "s3": "S3 on this machine",
        "distant s3": f"S3 on this machine, {LATENCY_SECONDS * 1000:.0f} ms a request",
        "cluster": "Folder, Apache Spark: a master, two workers, on this machine",
    }[where]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.places", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"plays per place (default {PLAYS:,})")
    parser.add_argument("--places", type=lambda text: text.split(",") if text else [], default=list(PLACES))
    parser.add_argument(
        "--growth", type=lambda text: [int(part) for part in text.split(",") if part], default=list(GROWTH)
    )
    parser.add_argument("--folder", type=Path, help="folder for about 15 GB of temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
