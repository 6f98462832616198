"""What a sync did, as far as it came, and why it failed. No Dagster: a sync with nothing to do starts none."""

from collections.abc import Callable
from dataclasses import dataclass, field

from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.targets.publishing import Refresh

# Called with a run in words and the number of its tables, and then with each table that is done (None: starting).
Progress = Callable[[str, int, str | None], None]


class RunFailedError(Exception):
    """A run failed; the message says why in one line."""


@dataclass
class Synced:
    """What a sync did."""

    landing: str = "no change"
    runs: list[PlannedRun] = field(default_factory=list)
    published: dict[str, list[Refresh]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_computed: bool = False

    @property
    def partitions(self) -> int:
        """Partitions that were computed."""
        return sum(len(run.keys) for run in self.runs)
