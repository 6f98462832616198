"""`python -m benchmarks`: measure, check that all engines compute the same, print, and write RESULTS.md."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import measure, sync
from benchmarks.agreement import Figures, figures
from benchmarks.engines import ENGINES
from benchmarks.results import BIG, Results, Run, Superseding, report, save

SIZES = (150_000, 1_000_000, BIG)
SMALL = SIZES[0]
# Fewer for long runs, in which noise matters less.
REPEATS = {SIZES[0]: 3, SIZES[1]: 2, SIZES[2]: 1}
SHARE_REPEATS = 3
REPORT = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    options = _options()
    results = Results()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
        for plays in options.sizes if "job" in options.parts else ():
            repeats = options.repeats or REPEATS.get(plays, 1)
            _same_job(Path(folder, str(plays)), plays, options.engines, repeats, results)
            _save_report(results, options.report)
        if "sources" in options.parts:
            _sources(Path(folder), max(options.sizes), options.repeats or SHARE_REPEATS, results)
            _save_report(results, options.report)
        if "sync" in options.parts:
            _sync(Path(folder), options, results)
            _save_report(results, options.report)
    print(f"\n{report(results)}")
    if any(run.failure == measure.FAILED for run in results.runs):
        sys.exit(1)


def _same_job(folder: Path, plays: int, engines: list[str], repeats: int, results: Results) -> None:
    """Run the job in every engine in turn, several times; an engine that fails once is not run again."""
    folder.mkdir()
    _log(f"Creating a history of {plays:,} plays")
    measure.require(["-m", "benchmarks.history", "make_raw_tables", str(plays), str(folder)], folder)
    shutil.rmtree(folder / "landing")
    shutil.rmtree(folder / "lake")
    first: tuple[str, Figures] | None = None
    failed: set[str] = set()
    for repeat in range(repeats):
        for engine in engines:
            if engine in failed:
                continue
            output = folder / "output"
            output.mkdir()
            run = _run(engine, plays, folder, output)
            results.runs.append(run)
            if run.failure:
                failed.add(engine)
            else:
                found = figures(output)
                first = first or (engine, found)
                first[1].require_same(found, first[0], engine)
            shutil.rmtree(output)
            outcome = run.failure or f"{run.total:.1f} s, {run.peak_bytes / 1e9:.1f} GB"
            _log(f"{plays:,} plays, {repeat + 1} of {repeats}, {engine}: {outcome}")
    shutil.rmtree(folder)


def _sources(folder: Path, plays: int, repeats: int, results: Results) -> None:
    """Time `plays` on one and on two sources in turn; both must give the same plays."""
    _log(f"A history of {plays:,} plays from one source and from two")
    made = {make: folder / make for make in ("make_raw_tables", "make_raw_tables_of_two_sources")}
    for make, history in made.items():
        history.mkdir()
        measure.require(["-m", "benchmarks.history", make, str(plays), str(history)], history)
        shutil.rmtree(history / "landing")
        shutil.rmtree(history / "lake")
    seconds: dict[str, list[float]] = {make: [] for make in made}
    found: dict[str, Figures] = {}
    for _ in range(repeats):
        for make, history in made.items():
            output = history / "output"
            output.mkdir()
            run = _run("sail", plays, history, output)
            if run.failure:
                raise measure.FailedError(f"sail: {run.failure}")
            seconds[make].append(run.seconds["plays"])
            found[make] = figures(output)
            shutil.rmtree(output)
    one, two = found
    found[one].require_same(found[two], one, two)
    results.superseding = Superseding(plays, *(median(times) for times in seconds.values()))


def _run(engine: str, plays: int, folder: Path, output: Path) -> Run:
    result = folder / "seconds.json"
    arguments = ["-m", "benchmarks.job", engine, str(folder), str(output), str(result), str(time.time())]
    finished = measure.run(arguments, folder)
    if finished.failure:
        print(finished.log[-measure.LOG_SHOWN :])
        return Run(engine, plays, {}, finished.peak_bytes, finished.failure, finished.stopped_after)
    return Run(engine, plays, json.loads(result.read_text()), finished.peak_bytes)


def _sync(folder: Path, options: argparse.Namespace, results: Results) -> None:
    _log(f"A first sync of {SMALL:,} plays, with and without Dagster")
    share = folder / "share"
    share.mkdir()
    results.dagster = sync.dagster_share(share, SMALL, options.repeats or SHARE_REPEATS)
    _save_report(results, options.report)
    if options.sync_plays:
        _log(f"A new month beside ten years of {options.sync_plays:,} plays")
        month = folder / "month"
        month.mkdir()
        results.new_month = sync.new_month(month, options.sync_plays)


def _save_report(results: Results, path: Path | None) -> None:
    """Write the report so far: the longest run comes last."""
    if path:
        save(results, path)


def _log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, help="plays, as 150000,1000000 (default: these and ten million)")
    parser.add_argument("--engines", type=_engines, default=list(ENGINES), help=f"of {','.join(ENGINES)}")
    parser.add_argument("--repeats", type=int, help="runs per engine (default: fewer for larger sizes)")
    parser.add_argument(
        "--parts", type=lambda text: text.split(","), default=["job", "sources", "sync"], help="of job,sources,sync"
    )
    parser.add_argument("--sync-plays", type=int, help=f"plays before the new month (default {BIG:,}; 0: skip)")
    parser.add_argument("--quick", action="store_true", help=f"run once with {SMALL:,} plays and write no report")
    parser.add_argument("--report", type=Path, help="file to write (default: benchmarks/RESULTS.md)")
    parser.add_argument("--folder", type=Path, help="folder for about 15 GB of temporary files")
    options = parser.parse_args()
    if options.quick:
        options.repeats = options.repeats or 1
        options.sync_plays = options.sync_plays or 0
    options.sizes = options.sizes or ([SMALL] if options.quick else list(SIZES))
    options.sync_plays = BIG if options.sync_plays is None else options.sync_plays
    options.report = options.report or (None if options.quick else REPORT)
    return options


def _numbers(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",")]


def _engines(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(ENGINES):
        raise argparse.ArgumentTypeError(
            f"no such engine: {', '.join(sorted(unknown))}; choose from {', '.join(ENGINES)}"
        )
    return names


if __name__ == "__main__":
    main()
