"""Results of the benchmarks, and the report on them."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.engines import OWN_TABLES, TABLES
from benchmarks.sync import DagsterShare, NewMonth

BIG = 10_000_000
NOT_MEASURED = "not measured"
START = "start"


@dataclass(frozen=True)
class Run:
    """One run of the job in one engine.

    Attributes:
        engine: Its name.
        plays: Number of records in the history.
        seconds: By table, in the order of writing, and `start`; empty for a failed run.
        peak_bytes: Largest resident memory of all its processes.
        failure: Reason for having no result; None if it succeeded.
        stopped_after: The limit in seconds after which the run was stopped; None if it was not.
    """

    engine: str
    plays: int
    seconds: dict[str, float]
    peak_bytes: int
    failure: str | None = None
    stopped_after: float | None = None

    @property
    def total(self) -> float:
        """Seconds of the job without the start of interpreter and engine."""
        return sum(seconds for name, seconds in self.seconds.items() if name != START)


@dataclass(frozen=True)
class Superseding:
    """Seconds of Sail for `plays`, by source of the records.

    Attributes:
        plays: Number of records in the extended history.
        extended: With the extended history alone.
        with_account_data: With the last of its ten years in account data, too.
    """

    plays: int
    extended: float
    with_account_data: float


@dataclass
class Results:
    """Everything that one run of the benchmarks measured."""

    runs: list[Run] = field(default_factory=list)
    superseding: Superseding | None = None
    new_month: NewMonth | None = None
    dagster: DagsterShare | None = None

    def sizes(self) -> list[int]:
        return sorted({run.plays for run in self.runs})

    def engines(self, plays: int) -> list[str]:
        return list(dict.fromkeys(run.engine for run in self.runs if run.plays == plays))

    def of(self, engine: str, plays: int) -> list[Run]:
        """Successful runs."""
        return [run for run in self.runs if (run.engine, run.plays, run.failure) == (engine, plays, None)]

    def failures(self, engine: str, plays: int) -> list[Run]:
        return [run for run in self.runs if (run.engine, run.plays) == (engine, plays) and run.failure]

    def seconds(self, engine: str, plays: int) -> float | None:
        """Median; None if there is no run or any run failed."""
        runs = self.of(engine, plays)
        return median(run.total for run in runs) if runs and not self.failures(engine, plays) else None

    def at_least(self, engine: str, plays: int) -> float | None:
        """Lower bound in seconds: the median, or the limit after which a run was stopped."""
        stopped = [run.stopped_after for run in self.failures(engine, plays) if run.stopped_after]
        return min(stopped) if stopped else self.seconds(engine, plays)

    def peak_gb(self, engine: str, plays: int) -> float | None:
        return max((run.peak_bytes / 1e9 for run in self.of(engine, plays)), default=None)


@dataclass(frozen=True)
class Target:
    """A goal, the measured figure, and whether the goal is met (None: unknown)."""

    goal: str
    measured: str
    is_met: bool | None


def targets(results: Results) -> list[Target]:
    """All goals, in the order of the report."""
    found = []
    for plays, times in ((150_000, 3), (1_000_000, 3), (BIG, 2)):
        sail, spark = results.seconds("sail", plays), results.at_least("spark", plays)
        goal = f"{plays:,} plays: Sail at least {times} times as fast as Apache Spark"
        ratio = spark / sail if sail and spark else None
        was_stopped = bool(results.failures("spark", plays))
        target = _target(goal, ratio, f"{'over ' * was_stopped}{ratio or 0:.1f} times", (ratio or 0) >= times)
        # If Spark was stopped too early, whether the goal is met is unknown.
        found.append(replace(target, is_met=target.is_met or None) if was_stopped else target)
    sail, duckdb = results.seconds("sail", BIG), results.seconds("duckdb", BIG)
    ratio = sail / duckdb if sail and duckdb else None
    goal = f"{BIG:,} plays: Sail takes at most twice DuckDB's time"
    found.append(_target(goal, ratio, f"{ratio or 0:.1f} times", (ratio or 0) <= 2))
    peak = results.peak_gb("sail", BIG)
    found.append(_target(f"{BIG:,} plays: Sail in less than 8 GB", peak, f"{peak or 0:.1f} GB", (peak or 0) < 8))
    less = results.seconds("sail", BIG // 10)
    growth = sail / less if sail and less else None
    goal = "Ten times the plays take Sail at most eleven times the time"
    found.append(_target(goal, growth, f"{growth or 0:.1f} times", (growth or 0) <= 11))
    two = results.superseding
    factor = two.with_account_data / two.extended if two else None
    goal = "Account data of one of ten years takes `plays` at most 1.1 times its time"
    found.append(_target(goal, factor, f"{factor or 0:.2f} times", (factor or 0) <= 1.1))
    share = results.new_month.share if results.new_month else None
    goal = "One new month takes at most a fifth of the first sync"
    found.append(_target(goal, share, f"{share or 0:.0%}", (share or 0) <= 0.2))
    own = results.dagster.with_checks if results.dagster else None
    goal = "Dagster and its checks add less than 20 s to a first sync of 150,000 plays"
    found.append(_target(goal, own, f"{own or 0:.1f} s", (own or 0) < 20))
    return found


def report(results: Results) -> str:
    """The report as Markdown."""
    parts = [
        "# Results",
        "Created by `make bench`; all figures are of one run of it. What people wait for is in [GOALS.md](GOALS.md).",
        _machine(),
        "## Targets",
        _table(
            ["target", "measured", "met"],
            [[t.goal, t.measured, {True: "yes", False: "**no**", None: "-"}[t.is_met]] for t in targets(results)],
        ),
    ]
    if results.runs:
        parts += [
            "## The same job",
            "`raw_plays` of four listeners and ten years in, as Parquet; plays, dimensions, facts and metrics out, as "
            "Parquet. Sail and Spark run this project's transforms, and also write the partial aggregates "
            f"({', '.join(f'`{table}`' for table in OWN_TABLES)}) that make a new month cheap; DuckDB, Polars "
            "and pandas run code written by hand for the same rows, of `daily_track_plays`, `daily_listening` and "
            "`track_metrics` with fewer columns. Every run is a process of its own, engines "
            "take turns, and all must agree: plays and their ids, time, every day of every listener, every "
            "dimension's size, the most heard tracks. Time is the median, and excludes the start of interpreter and "
            "engine; memory is the largest resident memory of all processes of a run.",
        ]
    for plays in results.sizes():
        parts += [f"### {plays:,} plays", _sizes(results, plays)]
        parts += [f"Seconds by table, {plays:,} plays:", _by_table(results, plays)]
    if len(results.sizes()) > 1:
        parts += ["### Growth", "Factor by which the time grows when the number of plays grows.", _growth(results)]
    if two := results.superseding:
        rows = [["extended history", f"{two.extended:.2f}"], ["with account data", f"{two.with_account_data:.2f}"]]
        parts += [
            "### Two sources",
            f"Seconds of Sail for `plays`: the extended history of {two.plays:,} plays alone, and with its last year "
            "in account data, too, whose records it supersedes (a tenth more records).",
            _table(["records", "seconds"], rows),
        ]
    if results.new_month or results.dagster:
        parts += ["## Sync", _sync(results)]
    return "\n\n".join(parts) + "\n"


def _target(goal: str, value: float | None, measured: str, is_met: bool) -> Target:
    return Target(goal, NOT_MEASURED, None) if value is None else Target(goal, measured, is_met)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("pysail", "pyspark", "duckdb", "polars", "pandas", "dagster")
    )
    return (
        f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}."
    )


def _sizes(results: Results, plays: int) -> str:
    duckdb, spark = results.seconds("duckdb", plays), results.at_least("spark", plays)
    stopped = bool(results.failures("spark", plays))
    rows = []
    for engine in results.engines(plays):
        runs, seconds = results.of(engine, plays), results.seconds(engine, plays)
        if seconds is None:
            rows.append([engine, str(results.failures(engine, plays)[0].failure), *["-"] * 6])
            continue
        rows.append(
            [
                engine,
                f"{seconds:.1f}",
                f"{min(run.total for run in runs):.1f}",
                f"{median(run.seconds[START] for run in runs):.1f}",
                f"{results.peak_gb(engine, plays):.1f}",
                f"{plays / seconds:,.0f}",
                f"{seconds / duckdb:.2f}" if duckdb else "-",
                f"{'under ' if stopped else ''}{seconds / spark:.2f}" if spark else "-",
            ]
        )
    heads = ["engine", "seconds (median)", "fastest", "start", "peak GB", "plays a second", "/ DuckDB", "/ Spark"]
    return _table(heads, rows)


def _by_table(results: Results, plays: int) -> str:
    engines = [engine for engine in results.engines(plays) if results.of(engine, plays)]

    def cell(engine: str, table: str) -> str:
        times = [run.seconds[table] for run in results.of(engine, plays) if table in run.seconds]
        return f"{median(times):.2f}" if times else "-"

    tables = [TABLES[0], *OWN_TABLES, *TABLES[1:]]
    return _table(["table", *engines], [[table, *[cell(engine, table) for engine in engines]] for table in tables])


def _growth(results: Results) -> str:
    sizes = results.sizes()
    pairs = list(pairwise(sizes))

    def cell(engine: str, less: int, more: int) -> str:
        before, after = results.seconds(engine, less), results.seconds(engine, more)
        return f"{after / before:.1f}" if before and after else "-"

    heads = [f"{less:,} to {more:,} ({more / less:.1f} times)" for less, more in pairs]
    engines = list(dict.fromkeys(run.engine for run in results.runs))
    return _table(
        ["engine", *heads], [[engine, *[cell(engine, less, more) for less, more in pairs]] for engine in engines]
    )


def _sync(results: Results) -> str:
    rows = []
    if month := results.new_month:
        first_gb, month_gb = month.first_peak_bytes / 1e9, month.month_peak_bytes / 1e9
        rows += [
            [f"First sync of ten years, {month.plays:,} plays", f"{month.first_seconds:.1f} s", f"{first_gb:.1f} GB"],
            ["Sync after one more month has landed", f"{month.month_seconds:.1f} s", f"{month_gb:.1f} GB"],
            ["Second sync / first sync", f"{month.share:.1%}", ""],
        ]
    if share := results.dagster:
        rows += [
            [f"First sync of ten years, {share.plays:,} plays", f"{share.sync:.1f} s", ""],
            ["The same work without Dagster and checks", f"{share.work:.1f} s", ""],
            ["The work of the checks, without Dagster", f"{share.checks:.1f} s", ""],
            ["Dagster and its checks", f"{share.with_checks:.1f} s", ""],
            ["Dagster alone", f"{share.own:.1f} s", ""],
        ]
    return _table(["what", "figure", "peak memory"], rows)


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table with aligned columns, readable as plain text, too."""
    lines = [heads, *rows]
    first, *others = [max(len(line[column]) for line in lines) for column in range(len(heads))]

    def padded(cells: list[str]) -> str:
        name, *figures = cells
        aligned = [f"{text:>{width}}" for text, width in zip(figures, others, strict=True)]
        return f"| {' | '.join([name.ljust(first), *aligned])} |"

    ruler = ["-" * first, *["-" * (width - 1) + ":" for width in others]]
    return "\n".join(map(padded, [heads, ruler, *lines[1:]]))


def save(results: Results, path: Path) -> None:
    """Write the report."""
    path.write_text(report(results))
