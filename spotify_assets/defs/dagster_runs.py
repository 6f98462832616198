"""Run the jobs of a sync in this process, on a Dagster instance that records them as runs of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

# Private, but `execute_in_process` would replace the job's executor. Without them, every test of a sync fails.
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from spotify_assets.defs import jobs
from spotify_assets.defs.assets.raw import UNUSED_FILES
from spotify_assets.defs.failures import what_failed, why_failed
from spotify_assets.defs.interrupts import raise_if_stopped
from spotify_assets.defs.liveness import PID_TAG
from spotify_assets.defs.outcome import RunFailedError
from spotify_assets.ingest.history_changes import UnusedFile
from spotify_assets.processes import this_process
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.targets.publishing import NOTE, Refresh


class DagsterRuns:
    """Runs jobs one after another, and collects failed checks.

    Args:
        job: Finds a job by its name.
        instance: Records the runs.
        started: Called with each run's title and its number of tables, before it starts.
        warnings: Failed checks are appended to it.
        tags: Of each run, besides its own ones.
        config: Of each run, besides its own one.
    """

    def __init__(
        self,
        job: Callable[[str], dg.JobDefinition],
        instance: dg.DagsterInstance,
        started: Callable[[str, int], None],
        warnings: list[str],
        *,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._job = job
        self._instance = instance
        self._started = started
        self._warnings = warnings
        self._tags = tags or {}
        self._config = config or {}

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
        self._started(title, len(tables))
        try:
            selected = frozenset(dg.AssetKey(table.split("/")) for table in tables)
            result = core_execute_in_process(
                job=InMemoryJob(self._job(job)).get_subset(asset_selection=selected),
                instance=self._instance,
                run_config={**self._config, **(config or {})},
                output_capturing_enabled=False,
                asset_selection=selected,
                run_tags={**self._tags, **(tags or {}), PID_TAG: this_process()},
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
            why = why_failed(result.all_events, self._warnings)
            raise RunFailedError(why, what_failed(result.all_events), f"run {result.run_id[:8]} of {job}")
        return result
