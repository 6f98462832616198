"""`python -m benchmarks.sensors`: measure how long a poll's file takes through the UI's sensors; write SENSORS.md.

Ten years of four listeners are synced and published to the DuckDB file. Then `spotify-assets ui` runs, and files of 50
plays land one after another, as polls of the Web API write them. Seconds are counted from when a file is there, until
each run was requested, was started and had ended, and until the DuckDB file has the plays. A sensor requests `sync`,
which runs the others in its process.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import dagster as dg
import duckdb

from benchmarks import measure
from benchmarks.idle import running_ui
from benchmarks.steps import PLAYS, write_poll

POLLS = 3
# After its start, and between polls: so that each file lands at another time of the sensors' intervals.
SETTLE_SECONDS = (40.0, 70.0)
LONGEST_SECONDS = 300.0
LOOK_SECONDS = 0.2
REPORT = Path(__file__).parent / "SENSORS.md"


@dataclass(frozen=True)
class RunTimes:
    """When a run was requested, started and ended: seconds after the file had landed."""

    job: str
    requested: float
    started: float
    ended: float


@dataclass(frozen=True)
class Poll:
    """What a poll's file made run, and after how many seconds its plays were published."""

    runs: Sequence[RunTimes]
    published: float


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        place = options.place or Path(folder)
        places = measure.published(place)
        if not (place / "landing").exists():
            make = ["-m", "benchmarks.history", "land_with_new_month", str(options.plays)]
            measure.require([*make, str(place / "landing"), str(place / "month")], place)
        measure.require(["-m", "spotify_assets", "sync"], place, **places)
        polls: list[Poll] = []
        with running_ui(place, **places):
            for number in range(options.polls):
                time.sleep(random.Random(number).uniform(*SETTLE_SECONDS))
                polls.append(_poll(place))
                print(f"{time.strftime('%H:%M:%S')} {polls[-1]}", flush=True)
        options.report.write_text(report(polls, options.plays))


def _poll(place: Path) -> Poll:
    file = place / "warehouse.duckdb"
    before, seen = _published_plays(file), file.stat().st_mtime_ns
    write_poll(place, place / "landing", len([*place.glob("landing/history/*/recent/*/*.json")]))
    landed = time.time()
    while time.time() - landed < LONGEST_SECONDS:
        time.sleep(LOOK_SECONDS)
        if (now := file.stat().st_mtime_ns) != seen:
            seen = now
            if _published_plays(file) > before:
                published = time.time() - landed
                return Poll(_ended_runs(place / "dagster", landed), published)
    raise measure.FailedError(f"the plays were not published within {LONGEST_SECONDS:.0f} s")


def _published_plays(file: Path) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        [(plays,)] = connection.execute("SELECT count(*) FROM fct_plays").fetchall()
    return int(plays)


def _ended_runs(home: Path, landed: float) -> list[RunTimes]:
    """Runs that were requested since then (Unix time), in that order, once all have ended."""
    since = dg.RunsFilter(created_after=datetime.fromtimestamp(landed, UTC))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = instance.get_run_records(since)
        while any(record.end_time is None for record in records) and time.time() - landed < LONGEST_SECONDS:
            time.sleep(LOOK_SECONDS)
            records = instance.get_run_records(since)
    times = [
        RunTimes(
            record.dagster_run.job_name,
            record.create_timestamp.replace(tzinfo=UTC).timestamp() - landed,
            (record.start_time or time.time()) - landed,
            (record.end_time or time.time()) - landed,
        )
        for record in records
    ]
    return sorted(times, key=lambda run: run.requested)


def report(polls: Sequence[Poll], plays: int) -> str:
    """The report as Markdown, which is also printed: of the polls, the one of median duration in detail."""
    ordered = sorted(polls, key=lambda poll: poll.published)
    middle = ordered[len(ordered) // 2]
    all_seconds = ", ".join(f"{poll.published:.0f}" for poll in polls)
    lines = [
        "# From a landed file to published plays",
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
        "",
        f"{plays:,} plays; {os.cpu_count()} cores, load {os.getloadavg()[1]:.0f}. Published after "
        f"{median(poll.published for poll in polls):.0f} s (median of {len(polls)}: {all_seconds} s). The runs of the "
        f"one of {middle.published:.0f} s:",
        "",
        "| Run | requested, s | started, s | ended, s |",
        "|---|---|---|---|",
        *(f"| {run.job} | {run.requested:.1f} | {run.started:.1f} | {run.ended:.1f} |" for run in middle.runs),
    ]
    print("\n".join(lines), flush=True)
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sensors", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"landed records (default {PLAYS:,})")
    parser.add_argument("--polls", type=int, default=POLLS, help=f"files that land (default {POLLS})")
    parser.add_argument("--report", type=Path, default=REPORT, help="file to write (default: benchmarks/SENSORS.md)")
    parser.add_argument(
        "--place", type=Path, help="folder of an earlier run, or for this one (default: a temporary one)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
