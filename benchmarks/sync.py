"""The product end to end: what a new month costs beside everything, and what Dagster costs beside the work."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import measure


@dataclass(frozen=True)
class NewMonth:
    """A month landed into a lake of ten years.

    Attributes:
        plays: Records of the ten years.
        first_seconds: The first sync, of all of them.
        first_peak_bytes: Its peak memory.
        month_seconds: The sync after the month had landed.
        month_peak_bytes: Its peak memory.
    """

    plays: int
    first_seconds: float
    first_peak_bytes: int
    month_seconds: float
    month_peak_bytes: int

    @property
    def share(self) -> float:
        """The month's sync over the first."""
        return self.month_seconds / self.first_seconds


@dataclass(frozen=True)
class DagsterShare:
    """A first sync, and the same work done without Dagster (seconds).

    Attributes:
        plays: Records.
        sync: The whole sync.
        work: Reading, computing and writing the same tables.
        checks: Computing what the asset checks compute.
    """

    plays: int
    sync: float
    work: float
    checks: float

    @property
    def with_checks(self) -> float:
        """What a sync takes beyond reading, computing and writing."""
        return self.sync - self.work

    @property
    def own(self) -> float:
        """What it takes beyond these and the checks' work."""
        return self.sync - self.work - self.checks


def new_month(folder: Path, plays: int) -> NewMonth:
    """Sync ten years of `plays` records, land the month that follows them, and sync again.

    Raises:
        FailedError: where a sync fails, or computes more than that month.
    """
    landing, aside = folder / "landing", folder / "aside"
    measure.require(["-m", "benchmarks.history", "land_with_new_month", str(plays), str(landing), str(aside)], folder)
    first, first_peak = run("sync", folder)
    shutil.copytree(aside, landing, dirs_exist_ok=True)
    month, month_peak = run("sync", folder)
    if month["partitions"] != 1:
        # As when somebody edits a transform meanwhile: all that it computes is stale then.
        raise measure.FailedError(f"the new month made {month['partitions']:,.0f} partitions stale, and not one")
    return NewMonth(plays, first["sync"], first_peak, month["sync"], month_peak)


def dagster_share(folder: Path, plays: int, repeats: int) -> DagsterShare:
    """Sync `plays` records into an empty lake, and do the same without Dagster; medians of some runs of each."""
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
    """Seconds of the parts of one run in a process of its own, and its peak memory."""
    places = {
        "DAGSTER_HOME": str(folder / "dagster"),
        "SPOTIFY_ASSETS_LANDING_URI": str(folder / "landing"),
        "SPOTIFY_ASSETS_LAKE_URI": str(folder / "lake"),
    }
    finished = measure.require(["-m", "benchmarks.sync_job", what, "result.json"], folder, **places | environment)
    return json.loads((folder / "result.json").read_text()), finished.peak_bytes
