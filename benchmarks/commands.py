"""`python -m benchmarks.commands`: measure commands that somebody waits for; write COMMANDS.md.

Each command is a process of its own, on a lake of ten years that is up to date. Compared with what nothing can do
without: Python alone, and DuckDB from Python, which counts the rows of the same Parquet files. CPU and seconds are the
least of several runs, taken in turns.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, sync
from spotify_assets.lake.tables import Lake

PLAYS = 150_000
REPEATS = 7
COUNT = "SELECT count(*) FROM plays"
REPORT = Path(__file__).parent / "COMMANDS.md"
# Goals, in seconds.
COMMANDS = {("query", COUNT): 0.35, ("status",): 1.0, ("sync",): 1.0}


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds from its launch to its end, and seconds of CPU, of all its threads."""

    seconds: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"landed records (default {PLAYS:,})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        place = Path(folder)
        measure.require(["-m", "benchmarks.history", "land", str(options.plays), str(place / "landing")], place)
        sync.run("sync", place)
        REPORT.write_text(report(Lake(str(place / "lake")), place))


def report(lake: Lake, place: Path) -> str:
    """Measure, print each row once it is measured, and return the report as Markdown."""
    counted = f"SELECT count(*) FROM read_parquet({lake.ensure('plays').file_uris()})"
    processes = {
        "Python alone": ["-c", "pass"],
        "DuckDB from Python": ["-c", "import duckdb, sys; duckdb.sql(sys.argv[1]).fetchall()", counted],
        **{" ".join(command): ["-m", "spotify_assets", *command] for command in COMMANDS},
    }
    costs = _costs(processes, place)
    baseline = costs["DuckDB from Python"]
    lines = [
        "# Commands",
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
        "",
        f"{lake.count('plays'):,} plays; the least of {REPEATS} runs each.",
        "",
        "| Process | Goal, seconds | Seconds | CPU, seconds | CPU / DuckDB from Python |",
        "|---|---|---|---|---|",
    ]
    goals = {" ".join(command): f"{goal:.2f}" for command, goal in COMMANDS.items()}
    for name, cost in costs.items():
        shown = f"`spotify-assets {name}`" if name in goals else name
        ratio = cost.cpu / baseline.cpu
        lines.append(f"| {shown} | {goals.get(name, '')} | {cost.seconds:.2f} | {cost.cpu:.2f} | {ratio:.1f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def _costs(processes: dict[str, list[str]], place: Path) -> dict[str, Cost]:
    """The least cost of each process; they take turns, so that other work on the machine meets all of them."""
    found: dict[str, list[Cost]] = {name: [] for name in processes}
    for number in range(REPEATS + 1):
        for name, arguments in processes.items():
            cost = _cost(arguments, place)
            if number:  # the first of each fills caches
                found[name].append(cost)
    return {
        name: Cost(min(cost.seconds for cost in costs), min(cost.cpu for cost in costs))
        for name, costs in found.items()
    }


def _cost(arguments: list[str], place: Path) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=place,
        env=measure.inherited() | measure.places(place),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
