"""`python -m benchmarks.catalog`: measure reading and joining catalogue files beside SQL; write CATALOG.md.

Made-up CSV files of artists, albums, tracks and audio features are read and joined to `catalog_tracks` and
`catalog_tracks_rejects`, from nothing. The baseline is DuckDB with hand-written SQL: `read_csv` of the same files, the
same inner join, and one Parquet file of the result; without keys by name, rejected rows, values that don't parse, or
the choice between albums of a track. Each runs in a process of its own, whose start is not counted; the engine's is.
Other work on the machine changes seconds more than CPU.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.catalog_job import COMPUTED

TRACKS = (100_000, 1_200_000)
REPORT = Path(__file__).parent / "CATALOG.md"


@dataclass(frozen=True)
class Measured:
    """Seconds, CPU seconds and peak memory (bytes) of a job, and rows of its result; seconds of each of its steps."""

    seconds: float
    cpu: float
    peak_bytes: int
    rows: int
    steps: dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.catalog", description=__doc__)
    options.add_argument("--tracks", type=int, nargs="+", default=TRACKS)
    sizes = options.parse_args().tracks
    lines = [
        "# Catalogue files",
        "",
        *str(__doc__).split("\n", 2)[2].strip().splitlines(),
        "",
        "| Tracks | | Rows joined | Seconds | Time / baseline | CPU, seconds | CPU / baseline | Peak memory (GB) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    steps = [
        "",
        "Seconds of each step:",
        "",
        f"| Tracks | Start | Read files | {' | '.join(COMPUTED)} |",
        "|---" * 8 + "|",
    ]
    for tracks in sizes:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            place = Path(folder)
            measure.require(["-m", "benchmarks.catalog_job", "make", str(tracks)], place)
            baseline, ours = (_run(job, place) for job in ("baseline", "ours"))
        for name, one in (("spotify_assets", ours), ("hand-written SQL", baseline)):
            lines.append(
                f"| {tracks:,} | {name} | {one.rows:,} | {one.seconds:.1f} | {one.seconds / baseline.seconds:.1f} "
                f"| {one.cpu:.1f} | {one.cpu / baseline.cpu:.1f} | {one.peak_bytes / 1e9:.1f} |"
            )
            print(lines[-1], flush=True)
        steps.append(f"| {tracks:,} | {' | '.join(f'{seconds:.1f}' for seconds in ours.steps.values())} |")
        print(steps[-1], flush=True)
    REPORT.write_text("\n".join([*lines, *steps]) + "\n")


def _run(job: str, folder: Path) -> Measured:
    finished = measure.require(["-m", "benchmarks.catalog_job", job], folder)
    told = json.loads((folder / f"{job}.json").read_text())
    return Measured(told["seconds"], told["cpu"], finished.peak_bytes, told["rows"], told["steps"])


if __name__ == "__main__":
    main()
