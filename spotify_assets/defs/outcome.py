"""Outcome of a sync, without importing Dagster: a sync with nothing to do does not need it."""

from dataclasses import dataclass, field

from spotify_assets.ingest.history_changes import UnusedFile
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.targets.publishing import Refresh

NO_CHANGE = "no change"  # in the landing zone


class RunFailedError(Exception):
    """A run failed; the message says why in one line.

    Attributes:
        what: Step or target, and check or class of the error: nothing that could name a listener.
        run: Which run failed, or runs; empty if none did.
    """

    def __init__(self, message: str, what: str = "", run: str = "") -> None:
        super().__init__(message)
        self.what = what
        self.run = run


@dataclass
class Synced:
    """What a sync did, also if it failed later.

    Attributes:
        landing: Changes in the landing zone.
        runs: Runs that computed tables.
        published: Refreshed tables by target.
        warnings: Failed checks.
        unused: Files that were met and not used, most important first; of many, only the first.
        unused_count: Number of all these files.
        repaired: A line for each damaged table that was emptied, to be made again.
        is_computed: Whether all tables were brought up to date.
    """

    landing: str = NO_CHANGE
    runs: list[PlannedRun] = field(default_factory=list)
    published: dict[str, list[Refresh]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    unused: list[UnusedFile] = field(default_factory=list)
    unused_count: int = 0
    repaired: list[str] = field(default_factory=list)
    is_computed: bool = False

    @property
    def partitions(self) -> int:
        """Number of computed partitions."""
        return sum(len(run.keys) for run in self.runs)

    def __str__(self) -> str:
        """What was done, in one line."""
        if not self.runs and not self.published and self.landing == NO_CHANGE:
            return "nothing"
        tables = len({table for run in self.runs for table in run.tables})
        parts = [f"landing zone {self.landing}"]
        if self.runs:
            parts.append(f"{tables:,} tables, {self.partitions:,} partitions computed")
        parts += [f"{len(refreshes):,} tables published to {name}" for name, refreshes in self.published.items()]
        return "; ".join(parts)
