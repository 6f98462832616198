"""`python -m benchmarks.steps`: measure what each table costs, with one and more tables at once; write STEPS.md.

Ten years of four listeners are synced for the first time, then fifty plays more, as a poll of the Web API brings, then
the month after, by `spotify-assets sync`, which publishes to the DuckDB file. Durations of single tables are of syncs
with one table at once, as Dagster records them; "everything else" is the start of the command, finding what is stale,
Dagster itself and publishing.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pyarrow import parquet

from benchmarks import measure
from spotify_assets.model import TABLES
from spotify_assets.sandbox.exports import format_export
from spotify_assets.storage import storage_at

PLAYS = 150_000
POLLED = 50
AT_ONCE = (1, 2, 4)
SYNCS = ("first", "poll", "month")
# Tables that are listed take at least this part of one of the syncs.
LISTED = 0.01
REPORT = Path(__file__).parent / "STEPS.md"


@dataclass(frozen=True)
class Measured:
    """A sync: from the start of the command to its end, peak memory, and seconds by Dagster's name of the step."""

    seconds: float
    peak_bytes: int
    steps: Mapping[str, float]


def main() -> None:
    options = _options()
    measured: dict[int, dict[str, Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
        made = Path(folder, "made")
        made.mkdir()
        make = ["-m", "benchmarks.history", "land_with_new_month", str(options.plays)]
        measure.require([*make, str(made / "landing"), str(made / "month")], made)
        write_poll(made, made / "poll", 0)
        for at_once in options.at_once:
            place = Path(folder, str(at_once))
            place.mkdir()
            shutil.copytree(made / "landing", place / "landing")
            measured[at_once] = {}
            for what in SYNCS:
                if what != "first":
                    shutil.copytree(made / what, place / "landing", dirs_exist_ok=True)
                measured[at_once][what] = found = _sync(place, at_once)
                print(f"{time.strftime('%H:%M:%S')} {at_once} at once, {what}: {found.seconds:.1f} s", flush=True)
                options.report.write_text(report(measured, options.plays))
            shutil.rmtree(place)


def write_poll(made: Path, landing: Path, number: int) -> None:
    """Land plays of the new month of the first listener as the file of a poll, renamed when it is complete.

    Args:
        made: Folder with the `month` that `benchmarks.history land_with_new_month` made.
        landing: The landing zone.
        number: Which poll it is; the first one is 0.
    """
    [month, *_] = sorted((made / "month").rglob("*.parquet"))
    plays = parquet.read_table(month).slice(number * POLLED, POLLED)
    folder = (month.parent.relative_to(made / "month") / "recent/2026-01").as_posix()
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}{number:03}Z.json"
    storage_at(str(landing)).write(f"{folder}/{name}", format_export(plays.to_pylist()))


def _sync(place: Path, at_once: int) -> Measured:
    places = measure.published(place) | {"SPOTIFY_ASSETS_CONCURRENT_TABLES": str(at_once)}
    before = _steps(place / "dagster")
    finished = measure.require(["-m", "spotify_assets", "sync"], place, **places)
    steps = {key: seconds - before.get(key, 0) for key, seconds in _steps(place / "dagster").items()}
    return Measured(finished.seconds, finished.peak_bytes, {key: took for key, took in steps.items() if took > 0})


def _steps(home: Path) -> dict[str, float]:
    """Seconds by step of all runs so far."""
    if not home.exists():
        return {}
    seconds: dict[str, float] = {}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS):
                event = entry.get_dagster_event()
                took = event.step_success_data.duration_ms / 1000
                seconds[str(event.step_key)] = seconds.get(str(event.step_key), 0) + took
    return seconds


def report(measured: Mapping[int, Mapping[str, Measured]], plays: int) -> str:
    """The report as Markdown."""
    least = min(measured)
    alone = measured[least]
    lines = [
        "# Tables of a sync",
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
        "",
        f"{plays:,} plays, then {POLLED}, then {plays // 120:,}; {os.cpu_count()} cores.",
        "",
        "## Tables at once",
        "",
        f"| At once | {' | '.join(f'{what} / {least} at once | {what}, s' for what in SYNCS)} | Most memory, GB |",
        "|---|" + "---|---|" * len(SYNCS) + "---|",
    ]
    for at_once, syncs in measured.items():
        cells = [
            f"{syncs[what].seconds / alone[what].seconds:.2f} | {syncs[what].seconds:.1f}"
            if what in syncs
            else "- | -"
            for what in SYNCS
        ]
        most = max(sync.peak_bytes for sync in syncs.values())
        lines.append(f"| {at_once} | {' | '.join(cells)} | {most / 1e9:.1f} |")
    lines += ["", "## What costs what", "", f"Seconds, and parts of the sync, with {least} table at once.", ""]
    lines += [f"| | {' | '.join(f'{what}, s | {what}, part' for what in SYNCS)} |", "|---|" + "---|---|" * len(SYNCS)]
    by_kind = {what: _by_kind(alone[what]) for what in SYNCS if what in alone}
    lines += [_row(kind, kind, by_kind, alone) for kind in ("all tables", "all checks", "reading", "everything else")]
    by_table = {what: {step: took for step, took in alone[what].steps.items() if step in TABLES} for what in by_kind}
    parts = {
        step: max(found.get(step, 0) / alone[what].seconds for what, found in by_table.items())
        for found in by_table.values()
        for step in found
    }
    listed = sorted((step for step in parts if parts[step] >= LISTED), key=lambda step: -parts[step])
    lines += [_row(step, f"`{step}`", by_table, alone) for step in listed]
    return "\n".join([*lines, ""])


def _by_kind(sync: Measured) -> dict[str, float]:
    tables = sum(took for step, took in sync.steps.items() if step in TABLES)
    reading = sum(took for step, took in sync.steps.items() if step.startswith("read_"))
    checks = sum(sync.steps.values()) - tables - reading
    rest = sync.seconds - sum(sync.steps.values())
    return {"all tables": tables, "all checks": checks, "reading": reading, "everything else": rest}


def _row(name: str, shown: str, seconds: Mapping[str, Mapping[str, float]], syncs: Mapping[str, Measured]) -> str:
    cells = [
        f"{seconds[what].get(name, 0):.1f} | {seconds[what].get(name, 0) / syncs[what].seconds:.0%}"
        if what in seconds
        else "- | -"
        for what in SYNCS
    ]
    return f"| {shown} | {' | '.join(cells)} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"landed records (default {PLAYS:,})")
    parser.add_argument(
        "--at-once",
        type=lambda text: [int(part) for part in text.split(",")],
        default=list(AT_ONCE),
        help="numbers of tables at once (default 1,2,4)",
    )
    parser.add_argument("--report", type=Path, default=REPORT, help="file to write (default: benchmarks/STEPS.md)")
    parser.add_argument("--folder", type=Path, help="folder for temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
