"""Run a sync, for a command or for a run of Dagster: read landed files, refresh stale tables, publish changes.

Dagster, PyArrow and SQLAlchemy are imported, Dagster's instance opened and definitions built only when the first run
starts. So a sync with nothing to do takes 0.6 s of CPU (benchmarks/COMMANDS.md); importing these alone takes 1 s.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from spotify_assets.defs.interrupts import raise_if_stopped
from spotify_assets.defs.outcome import NO_CHANGE, RunFailedError, Synced
from spotify_assets.ingest.catalog_register import CATALOG_FILES, catalog_changes, catalog_register
from spotify_assets.ingest.history_changes import STANDING_STATUSES, find_changes, unused_first
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake, shared
from spotify_assets.landing.zone import LandingZone
from spotify_assets.refresh import plan, repair, staleness
from spotify_assets.refresh.sync_log import FAILED, STOPPED, SUCCEEDED, SyncLog
from spotify_assets.settings import Settings
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets

if TYPE_CHECKING:
    from spotify_assets.defs.dagster_runs import DagsterRuns

# A round suffices unless files land meanwhile. A sync is stopped if tables are stale after so many rounds.
MAX_ROUNDS = 20


class Runner:
    """Syncs and publishes. A context manager that closes what runs jobs if it was opened.

    Args:
        settings: Locations, and everything else that runs depend on.
        open_runs: Opens what runs jobs; called with a list to which it appends failed checks, before the first run.
        done: Records what was done, also if a later step fails.
        before: Called once, before tables of the lake change; not at all where nothing is to do.
    """

    def __init__(
        self,
        settings: Settings,
        open_runs: Callable[[list[str]], AbstractContextManager["DagsterRuns"]],
        done: Synced | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.lake = Lake(settings.lake_uri)
        self.landing = LandingZone(settings.landing_uri)
        self.done = done or Synced()
        self._open_runs = open_runs
        self._before: Callable[[], None] | None = before
        self._opened = ExitStack()
        self._dagster: DagsterRuns | None = None

    def __enter__(self) -> Self:
        self._opened.enter_context(shared(self.lake))
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()
        self._dagster = None

    @property
    def dagster(self) -> "DagsterRuns":
        """Runs jobs; opened on first use."""
        if self._dagster is None:
            self._dagster = self._opened.enter_context(self._open_runs(self.done.warnings))
        return self._dagster

    def sync(self) -> Synced:
        """Bring every table and target up to date with the landing zone. Computes stale tables only.

        Raises:
            RunFailedError: A step or target failed; names it, and why.
            KeyboardInterrupt: SIGINT or SIGTERM arrived. What was finished until then is in `done`.
            DamagedTableError: A table is damaged and can be repaired on request only.
        """
        changes = find_changes(self.landing, self.lake, self.settings)
        if changes or self.lake.open("raw_files") is None:
            if changes.mismatch:
                self.done.repaired.append(f"The landing zone is read again: {changes.mismatch.reason}.")
            self._note_before()
            self.done.unused, self.done.unused_count = self.dagster.read_history()
            self.done.landing = changes.summary()
            raise_if_stopped()
        else:
            self.done.unused = [file for file in changes.unused if file.status in STANDING_STATUSES]
            self.done.unused_count = len(self.done.unused)
        return self.refresh()

    def refresh(self) -> Synced:
        """Bring every table and target up to date with what was read. Raises as `sync`."""
        self._compute_stale()
        self.done.is_computed = True
        return self.publish()

    def _note_before(self) -> None:
        if self._before:
            self._before()
        self._before = None

    def _compute_stale(self) -> None:
        listed: list[dict[str, Any]] | None = None
        for _ in range(MAX_ROUNDS):
            stale = staleness.stale(self.lake, self.settings)
            if stale.damaged:
                self._note_before()
                self.done.repaired += repair.reset_damaged(self.lake, self.settings, stale.damaged)
                stale = staleness.stale(self.lake, self.settings)
            planned = plan.plan_runs(stale, self.settings)
            if not planned:
                self._note_catalogue(listed)
                return
            if listed is None and any(CATALOG_FILES in run.tables for run in planned):
                listed = catalog_register(self.lake)
            self._note_before()
            for run in planned:
                self.dagster.refresh(run)
                self.done.runs.append(run)
                raise_if_stopped()
        raise RunFailedError(
            f"tables are still stale after {MAX_ROUNDS} rounds; is another process writing to the same lake?",
            f"tables are stale after {MAX_ROUNDS} rounds",
        )

    def _note_catalogue(self, before: list[dict[str, Any]] | None) -> None:
        """Note what was read of catalogue files since the register was as before; None if it wasn't written."""
        if before is None:
            return
        summary, unused = catalog_changes(before, catalog_register(self.lake))
        if summary:
            catalogue = f"catalogue files: {summary}"
            has_changes = self.done.landing != NO_CHANGE
            self.done.landing = f"{self.done.landing}; {catalogue}" if has_changes else catalogue
        self.done.unused = unused_first([*self.done.unused, *unused])
        self.done.unused_count += len(unused)

    def publish(self, names: Sequence[str] = (), *, full: bool = False) -> Synced:
        """Write to the targets of these names, or to all, what they lack of the lake, or all of it anew.

        A target that fails keeps no other from being written.

        Raises:
            RunFailedError: Targets failed; names each, and why.
        """
        failed, what, runs = [], [], []
        for name, target in targets(self.settings).items():
            if names and name not in names:
                continue
            try:
                if lacking := publishing.pending_refreshes(target, self.lake, full=full):
                    self.dagster.publish(name, lacking, full=full)
                    self.done.published[name] = lacking
                    raise_if_stopped()
            except (publishing.TargetError, RunFailedError, DamagedTableError) as error:
                failed.append(str(error))
                of_run = error if isinstance(error, RunFailedError) else RunFailedError("")
                what.append(of_run.what or f"{name}: {type(error).__name__}")
                runs.append(of_run.run)
        if failed:
            raise RunFailedError("; ".join(failed), "; ".join(what), ", ".join(filter(None, runs)))
        return self.done


@contextmanager
def recorded(log: SyncLog, done: Synced) -> Iterator[None]:
    """Context of a sync, of which a record is kept: of how it ended, and of what it did, whatever happens.

    Args:
        log: Keeps it.
        done: What the sync did.
    """
    record = log.start()
    outcome, failed = FAILED, ""
    try:
        yield
        outcome = SUCCEEDED
    except KeyboardInterrupt:
        outcome = STOPPED
        raise
    except RunFailedError as error:
        failed = error.what
        raise
    except BaseException as error:
        why = error.strerror if isinstance(error, OSError) else None
        failed = f"{type(error).__name__}: {why}" if why else type(error).__name__
        raise
    finally:
        log.end(
            replace(
                record,
                outcome=outcome,
                failed=failed,
                landing=done.landing,
                tables=len({table for run in done.runs for table in run.tables}),
                partitions=done.partitions,
                published={name: len(refreshes) for name, refreshes in done.published.items()},
                warnings=len(done.warnings),
            )
        )
