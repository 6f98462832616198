"""The project's jobs, run in this process on the same persistent Dagster instance as the UI."""

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from spotify_assets.cli.instance import PID_TAG, why_failed
from spotify_assets.defs import jobs
from spotify_assets.ingest.history import find_changes
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.refresh import plan, staleness
from spotify_assets.settings import Settings
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets

# Syncs that bring nothing further are stopped after so many rounds; one suffices unless files land meanwhile.
MAX_ROUNDS = 20

# Called with a run in words and the number of its tables, and then with each table that is done (None: starting).
Progress = Callable[[str, int, str | None], None]


class RunFailedError(Exception):
    """A run failed; the message says why in one line."""


@dataclass
class Synced:
    """What a sync did."""

    landing: str = "no change"
    runs: list[plan.PlannedRun] = field(default_factory=list)
    published: dict[str, list[publishing.Refresh]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_computed: bool = False

    @property
    def partitions(self) -> int:
        """Partitions that were computed."""
        return sum(len(run.keys) for run in self.runs)


class _EventHandler(logging.Handler):
    """Hands Dagster's events to a function.

    Dagster's own loggers find them in `dagster_meta`; nothing public tells of events while a run goes on in this
    process.
    """

    def __init__(self, callback: Callable[[dg.DagsterEvent], None]) -> None:
        super().__init__()
        self._callback = callback

    def emit(self, record: logging.LogRecord) -> None:
        event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
        if event is not None:
            self._callback(event)


class Runner:
    """Runs the project's jobs, one after another."""

    def __init__(
        self,
        settings: Settings,
        instance: dg.DagsterInstance,
        progress: Progress = lambda run, tables, table: None,
    ) -> None:
        from spotify_assets.definitions import definitions

        self.settings = settings
        self.lake = Lake(settings.lake_uri)
        self.landing = LandingZone(settings.landing_uri)
        self._instance = instance
        self._progress = progress
        self._current: tuple[str, int] = ("", 0)

        @dg.logger(config_schema=None, description="Shows the progress of a run.")
        def console(_: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("spotify_assets.run")
            logger.addHandler(_EventHandler(self._note))
            return logger

        self._definitions = definitions(settings, {"console": console})

    def sync(self, done: Synced | None = None) -> Synced:
        """Bring every table, and every target, up to date with what is landed: only what is stale.

        Args:
            done: Notes what is done, also where something fails after it.

        Raises:
            RunFailedError: saying which step or target failed and why.
        """
        done = done or Synced()
        changes = find_changes(self.landing, self.lake, self.settings)
        if changes or self.lake.open("raw_files") is None:
            done.landing = changes.summary()
            self._run("read_history", "Reading the landing zone", ["raw_plays", "raw_files"], {}, done)
        self._refresh(done)
        done.is_computed = True
        self.publish(done)
        return done

    def _refresh(self, done: Synced) -> None:
        for _ in range(MAX_ROUNDS):
            planned = plan.plan_runs(staleness.stale(self.lake, self.settings), self.settings)
            if not planned:
                return
            for run in planned:
                self._run(jobs.REFRESH[run.partitioning].name, f"Computing {run}", list(run.tables), run.tags, done)
                done.runs.append(run)
        raise RunFailedError(
            f"after {MAX_ROUNDS} rounds there are still stale tables; is another process writing the same lake?"
        )

    def publish(self, done: Synced, names: Sequence[str] = (), *, anew: bool = False) -> None:
        """Write to the targets of these names, or to all, what they lack of the lake, or all of it anew.

        A target that fails keeps no other from being written.

        Raises:
            RunFailedError: saying which targets failed and why.
        """
        failed = []
        for name, target in targets(self.settings).items():
            if names and name not in names:
                continue
            try:
                lacking = publishing.behind(target, self.lake, anew=anew)
                if lacking:
                    tables = [f"{name}/{refresh.table}" for refresh in lacking]
                    config = {"ops": {f"publish_{name}": {"config": {"anew": anew}}}}
                    self._run(jobs.publish_tables.name, f"Publishing to {name}", tables, {}, done, config)
                    done.published[name] = lacking
            except (publishing.TargetError, RunFailedError) as error:
                failed.append(str(error))
        if failed:
            raise RunFailedError("; ".join(failed))

    def _run(
        self,
        job: str,
        title: str,
        tables: list[str],
        tags: dict[str, str],
        done: Synced,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        # A target is written in one step.
        self._current = (title, 1 if job == jobs.publish_tables.name else len(tables))
        self._progress(*self._current, None)
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            run_config={"loggers": {"console": {}}, **(config or {})},
            asset_selection=[dg.AssetKey(table.split("/")) for table in tables],
            tags=tags | {PID_TAG: f"{socket.gethostname()}:{os.getpid()}"},
            raise_on_error=False,
        )
        for evaluation in result.get_asset_check_evaluations():
            if not evaluation.passed:
                name = f"{evaluation.asset_key.path[-1]}: {evaluation.check_name}"
                done.warnings.append(f"{name}: {evaluation.description}" if evaluation.description else name)
        if not result.success:
            raise RunFailedError(why_failed(result.all_events, done.warnings))

    def _note(self, event: dg.DagsterEvent) -> None:
        if event.event_type_value == "STEP_SUCCESS" and event.step_key:
            self._progress(*self._current, event.step_key)
