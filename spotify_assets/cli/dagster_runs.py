"""Run jobs in this process, on the persistent Dagster instance that the UI shows."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

# Private, but `execute_in_process` would replace the job's executor. Without them, every test of a sync fails.
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from spotify_assets.cli.instance import what_failed, why_failed
from spotify_assets.cli.interrupts import raise_if_stopped
from spotify_assets.cli.outcome import Progress, RunFailedError
from spotify_assets.defs import jobs
from spotify_assets.defs.assets.raw import UNUSED_FILES
from spotify_assets.defs.liveness import PID_TAG
from spotify_assets.ingest.history_changes import UnusedFile
from spotify_assets.processes import this_process
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.settings import Settings
from spotify_assets.targets.publishing import NOTE, Refresh


class DagsterRuns:
    """Runs jobs one after another, and collects failed checks.

    Args:
        settings: The definitions are built for these.
        instance: Records the runs.
        progress: Called for each run and each table that it wrote.
        warnings: Failed checks are appended to it.
    """

    def __init__(
        self, settings: Settings, instance: dg.DagsterInstance, progress: Progress, warnings: list[str]
    ) -> None:
        from spotify_assets.definitions import definitions

        self._instance = instance
        self._progress = progress
        self._warnings = warnings
        self._current: tuple[str, int] = ("", 0)
        self._written: set[dg.AssetKey] = set()

        @dg.logger(config_schema=None, description="Shows the progress of a run.")
        def console(_: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("spotify_assets.run")
            logger.addHandler(_EventHandler(self._note, self._note_line))
            return logger

        self._definitions = definitions(settings, {"console": console})

    def read_history(self) -> tuple[list[UnusedFile], int]:
        """Read new and changed files of the landing zone.

        Returns:
            Files that were not used, most important first, and their number: of many, only the first are returned.

        Raises:
            RunFailedError: A step failed; names it, and why.
            KeyboardInterrupt: SIGINT or SIGTERM arrived.
        """
        result = self._run(jobs.read_history.name, "Reading the landing zone", ["raw_plays", "raw_files"])
        for event in result.get_asset_materialization_events():
            metadata = event.materialization.metadata
            if table := metadata.get(UNUSED_FILES):
                assert isinstance(table, dg.TableMetadataValue)
                unused = [UnusedFile(**{name: str(text) for name, text in row.data.items()}) for row in table.records]
                return unused, int(str(metadata["unused"].value))
        return [], 0

    def refresh(self, run: PlannedRun) -> None:
        """Compute the tables of a planned run; raises as `read_history`."""
        self._run(jobs.REFRESH[run.partitioning].name, f"Computing {run}", run.tables, tags=run.tags)

    def publish(self, target: str, refreshes: Sequence[Refresh], *, full: bool) -> None:
        """Write tables to a target; raises as `read_history`."""
        tables = [f"{target}/{refresh.table}" for refresh in refreshes]
        config = {"ops": {f"publish_{target}": {"config": {"anew": full}}}}
        result = self._run(jobs.publish_tables.name, f"Publishing to {target}", tables, config=config)
        for event in result.get_asset_materialization_events():
            if note := event.materialization.metadata.get(NOTE):
                self._warnings.append(str(note.value))

    def _run(
        self,
        job: str,
        title: str,
        tables: Sequence[str],
        *,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        self._current = (title, len(tables))
        self._written = set()
        self._progress(*self._current, None)
        try:
            selected = frozenset(dg.AssetKey(table.split("/")) for table in tables)
            result = core_execute_in_process(
                job=InMemoryJob(self._definitions.resolve_job_def(job)).get_subset(asset_selection=selected),
                instance=self._instance,
                run_config={"loggers": {"console": {}}, **(config or {})},
                output_capturing_enabled=False,
                asset_selection=selected,
                run_tags={**(tags or {}), PID_TAG: this_process()},
                raise_on_error=False,
            )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        for evaluation in result.get_asset_check_evaluations():
            # The files that `unreadable_files` names are those that `read_history` returns.
            if not evaluation.passed and evaluation.check_name != "unreadable_files":
                name = f"{evaluation.asset_key.path[-1]}: {evaluation.check_name}"
                self._warnings.append(f"{name}: {evaluation.description}" if evaluation.description else name)
        if not result.success:
            raise_if_stopped()
            raise RunFailedError(why_failed(result.all_events, self._warnings), what_failed(result.all_events))
        return result

    def _note(self, event: dg.DagsterEvent) -> None:
        # A table of several partitions has an event for each; a step of several tables is one step.
        if event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key not in self._written:
            assert event.asset_key
            self._written.add(event.asset_key)
            self._progress(*self._current, event.asset_key.path[-1])

    def _note_line(self, line: str) -> None:
        self._progress(self._current[0], 0, line)


class _EventHandler(logging.Handler):
    """Calls functions with each of Dagster's events, and with each line that a step logs for information.

    Dagster has no public API for events of a run in progress in this process. Its loggers find them in the attribute
    `dagster_meta` of log records, too.
    """

    def __init__(self, note_event: Callable[[dg.DagsterEvent], None], note_line: Callable[[str], None]) -> None:
        super().__init__()
        self._note_event = note_event
        self._note_line = note_line

    def emit(self, record: logging.LogRecord) -> None:
        logged = getattr(record, "dagster_meta", None) or {}
        event = logged.get("dagster_event")
        if event is not None:
            self._note_event(event)
        elif record.levelno == logging.INFO and logged.get("orig_message"):
            self._note_line(logged["orig_message"])
