"""Measure whole syncs: the cost of a new month, and the overhead of Dagster."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import measure

# The new month, and up to two before it: what was played in them may be reported until 32 days after their end.
MOST_STALE_MONTHS = 3


@dataclass(frozen=True)
class NewMonth:
    """A first sync of ten years, and a second one after a month was added.

    Attributes:
        plays: Number of records in the ten years.
        first_seconds: Duration of the first sync.
        first_peak_bytes: Peak memory of the first sync.
        month_seconds: Duration of the second sync.
        month_peak_bytes: Peak memory of the second sync.
    """

    plays: int
    first_seconds: float
    first_peak_bytes: int
    month_seconds: float
    month_peak_bytes: int

    @property
    def share(self) -> float:
        """Duration of the second sync as a fraction of the first."""
        return self.month_seconds / self.first_seconds


@dataclass(frozen=True)
class DagsterShare:
    """Durations (seconds) of a first sync, and of the same work without Dagster.

    Attributes:
        plays: Number of records.
        sync: The whole sync.
        work: Reading, computing and writing the same tables.
        checks: Running the bodies of the asset checks.
    """

    plays: int
    sync: float
    work: float
    checks: float

    @property
    def with_checks(self) -> float:
        """Seconds that Dagster and the checks add to the work."""
        return self.sync - self.work

    @property
    def own(self) -> float:
        """Seconds that Dagster alone adds."""
        return self.sync - self.work - self.checks


def new_month(folder: Path, plays: int) -> NewMonth:
    """Sync ten years of `plays` records, land the following month, and sync again.

    Raises:
        FailedError: A sync failed, or the second computed more than `MOST_STALE_MONTHS`.
    """
    landing, aside = folder / "landing", folder / "aside"
    measure.require(["-m", "benchmarks.history", "land_with_new_month", str(plays), str(landing), str(aside)], folder)
    first, first_peak = run("sync", folder)
    shutil.copytree(aside, landing, dirs_exist_ok=True)
    month, month_peak = run("sync", folder)
    if month["partitions"] > MOST_STALE_MONTHS:
        # A transform that is edited during the benchmark makes all its partitions stale.
        raise measure.FailedError(
            f"the new month made {month['partitions']:,.0f} partitions stale; expected at most {MOST_STALE_MONTHS}"
        )
    return NewMonth(plays, first["sync"], first_peak, month["sync"], month_peak)


def dagster_share(folder: Path, plays: int, repeats: int) -> DagsterShare:
    """Sync `plays` records into an empty lake, with and without Dagster, and return the medians of `repeats` runs."""
    measured: dict[str, list[float]] = {}
    for repeat in range(repeats):
        for what in ("sync", "direct"):
            own = folder / f"{what}_{repeat}"
            own.mkdir()
            measure.require(["-m", "benchmarks.history", "land", str(plays), str(own / "landing")], own)
            for name, seconds in run(what, own)[0].items():
                measured.setdefault(name, []).append(seconds)
            shutil.rmtree(own)
    return DagsterShare(plays, *[median(measured[name]) for name in ("sync", "work", "checks")])


def run(what: str, folder: Path, **environment: str) -> tuple[dict[str, float], int]:
    """Run `benchmarks.sync_job` in a process of its own; return seconds by part, and peak memory in bytes."""
    variables = measure.places(folder) | environment
    finished = measure.require(["-m", "benchmarks.sync_job", what, "result.json"], folder, **variables)
    return json.loads((folder / "result.json").read_text()), finished.peak_bytes
