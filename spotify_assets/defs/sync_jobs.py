"""Jobs that do what `spotify-assets sync` does: each runs the others one after another, in the process of one run.

A run's process takes seconds to start, and so does its engine; sensors would start one for each of these jobs. What a
sync runs has runs of its own in Dagster, as if a sensor had started it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.interrupts import noting_signals
from spotify_assets.defs.liveness import ACTIVE, in_this_process, run_is_under_way
from spotify_assets.refresh.sync_log import SyncLog

if TYPE_CHECKING:
    from spotify_assets.defs.dagster_runs import DagsterRuns
    from spotify_assets.defs.outcome import Synced
    from spotify_assets.defs.runner import Runner

# Tag of runs that a sync started: the id of its run.
SYNC_TAG = "spotify_assets/sync"


@dg.op(
    description="Runs read_history if files landed, then refresh_tables and refresh_playlists for stale months and "
    "days, then publish_tables for what each target lacks.",
    required_resource_keys={"settings"},
)
def read_refresh_and_publish(context: dg.OpExecutionContext) -> None:
    _sync(context, lambda runner: runner.sync())


@dg.op(
    description="Runs refresh_tables and refresh_playlists for stale months and days, then publish_tables for what "
    "each target lacks.",
    required_resource_keys={"settings"},
)
def refresh_stale_and_publish(context: dg.OpExecutionContext) -> None:
    # Two sensors may each request a run before either sees the other's.
    if other := _run_of_sync(context):
        context.log.info(f"Run {other} of {sync_job.name} is under way, and computes these tables, too.")
        return
    _sync(context, lambda runner: runner.refresh())


# By Dagster's executor for one step in the main thread, where signals arrive: ours runs steps in other threads.
@dg.job(
    name="sync",
    executor_def=dg.in_process_executor,
    description="Reads new and changed files of the landing zone, computes what became stale, and publishes it, as "
    "spotify-assets sync does.",
)
def sync_job() -> None:
    read_refresh_and_publish()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Computes stale tables and publishes them; reads nothing from landing/history.",
)
def refresh_and_publish() -> None:
    refresh_stale_and_publish()


def _run_of_sync(context: dg.OpExecutionContext) -> str | None:
    """Id of a run of `sync` that is under way; None if none is."""
    runs = context.instance.get_run_records(dg.RunsFilter(job_name=sync_job.name, statuses=ACTIVE))
    return next((run.dagster_run.run_id[:8] for run in runs if run_is_under_way(context.instance, run)), None)


def _sync(context: dg.OpExecutionContext, work: "Callable[[Runner], Synced]") -> None:
    """Sync in this process, and keep a record of it as commands do.

    Raises:
        RunFailedError: A run failed; names the step, why, and the run.
        KeyboardInterrupt: The run is being terminated.
    """
    from spotify_assets.defs.dagster_runs import DagsterRuns
    from spotify_assets.defs.outcome import RunFailedError, Synced
    from spotify_assets.defs.runner import Runner, recorded

    context.instance.report_engine_event("Runs jobs in this process", context.run, in_this_process())
    settings, done = context.resources.settings, Synced()

    @contextmanager
    def open_runs(warnings: list[str]) -> "Iterator[DagsterRuns]":
        yield DagsterRuns(
            context.repository_def.get_job,
            context.instance,
            lambda title, tables: context.log.info(f"{title} ({tables} tables)"),
            warnings,
            tags={SYNC_TAG: context.run_id},
        )

    try:
        with noting_signals(), recorded(SyncLog(settings.lake_uri), done), Runner(settings, open_runs, done) as runner:
            try:
                work(runner)
            except dg.DagsterExecutionInterruptedError:
                raise KeyboardInterrupt from None
    except RunFailedError as error:
        raise RunFailedError(f"{error} ({error.run})" if error.run else str(error), error.what) from None
    finally:
        for line in (*done.repaired, *done.warnings):
            context.log.warning(line)
        context.log.info(f"Done: {done}")
