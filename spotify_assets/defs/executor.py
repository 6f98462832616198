"""An executor that computes tables which don't depend on each other side by side, in threads of one process.

Dagster has executors for one step at a time, and for a process per step, in which each step would import PySpark and
start an engine. Threads share the engine's session and the opened tables. An engine plans a query with one thread, and
of a small lake's queries planning is most; on S3, most is waiting for requests.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import dagster as dg

# Dagster has no public API for executors within the process; test_executor.py fails if one of these changes.
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext, StepExecutionContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import (
    _handle_compute_log_setup_error,
    _handle_compute_log_teardown_error,
    _trigger_hook,
    dagster_event_sequence_for_step,
)
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor

from spotify_assets.defs.input_versions import RunVersions
from spotify_assets.defs.liveness import in_this_process
from spotify_assets.garbage import collect_rarely

# An event of a step, or its end: None, or an exception that isn't a failure of the step.
StepReport = tuple[StepExecutionContext, DagsterEvent | BaseException | None]
# How often to look for a step whose next attempt is due, and for a signal that another thread received.
LOOK_AGAIN_SECONDS = 0.2
# What Python shows nobody unless asked to.
HIDDEN_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


class ThreadExecutor(Executor):
    """Runs up to so many steps of a run at once."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent

    @property
    def retries(self) -> RetryMode:
        return RetryMode.ENABLED

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Run all steps; events arrive in the order in which they happen."""
        collect_rarely()
        data = in_this_process(execution_plan.step_keys_to_execute)
        yield DagsterEvent.engine_event(
            plan_context, f"Executing up to {self._max_concurrent} steps at once (pid: {os.getpid()})", data
        )
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=self._run_plan,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
            ),
        )

    def _run_plan(self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Run all steps; what the process prints meanwhile is kept as the run's output."""
        steps = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
        manager = job_context.instance.compute_log_manager
        key = manager.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())
        with ExitStack() as output:
            try:
                captured = output.enter_context(manager.capture_logs(key))
                yield DagsterEvent.capture_logs(job_context, steps, key, captured)
            except Exception:
                yield from _handle_compute_log_setup_error(job_context, sys.exc_info())
            yield from self._run_steps(job_context, execution_plan)
            try:
                output.close()
            except Exception:
                yield from _handle_compute_log_teardown_error(job_context, sys.exc_info())

    def _run_steps(self, context: PlanExecutionContext, plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        reports: SimpleQueue[StepReport] = SimpleQueue()
        running: dict[str, StepExecutionContext] = {}
        versions = RunVersions()
        with (
            _own_warning_filters(),
            InstanceConcurrencyContext(context.instance, context.dagster_run) as slots,
            plan.start(
                retry_mode=context.retry_mode,
                max_concurrent=self._max_concurrent,
                instance_concurrency_context=slots,
            ) as active,
        ):
            while True:
                # Steps that are skipped since one that they need has failed.
                yield from active.plan_events_iterator(context)
                if active.is_complete and not running:
                    return
                for step in active.get_steps_to_execute():
                    running[step.key] = versions.share(context.for_step(step, active.get_known_state()))
                    # An interrupted process doesn't wait for daemon threads: they end with it.
                    Thread(target=_run_step, args=(running[step.key], reports), name=step.key, daemon=True).start()
                yield from active.concurrency_event_iterator(context)
                try:
                    # Dagster keeps back a signal that ends the run until a place like this one.
                    with raise_execution_interrupts():
                        step_context, report = reports.get(timeout=LOOK_AGAIN_SECONDS)
                except Empty:
                    continue
                if isinstance(report, DagsterEvent):
                    yield report
                    active.handle_event(report)
                    continue
                if report is not None:
                    raise report
                # The next attempt of a step may have begun before the end of the one before is reported.
                if running[step_context.step.key] is step_context:
                    del running[step_context.step.key]
                    active.verify_complete(context, step_context.step.key)


@contextmanager
def _own_warning_filters() -> Iterator[None]:
    """Show no `HIDDEN_WARNINGS`, and bring the process's filters of warnings back at the end.

    Threads share these filters. scikit-learn resets them for a moment, and what another step saved in that moment, as
    Dagster does at the start of each, is what it brings back: from then on, every warning would be shown.
    """
    show = warnings.showwarning

    def show_unless_hidden(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, HIDDEN_WARNINGS):
            show(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = show_unless_hidden
        yield


def _run_step(context: StepExecutionContext, reports: "SimpleQueue[StepReport]") -> None:
    """Report each event of a step, and its end."""
    end: BaseException | None = None
    try:
        events = []
        for event in dagster_event_sequence_for_step(context):
            events.append(event)
            reports.put((context, event))
        for event in _trigger_hook(context, events):
            reports.put((context, event))
    except BaseException as error:
        end = error
    reports.put((context, end))


def thread_executor(max_concurrent: Callable[[], int]) -> dg.ExecutorDefinition:
    """The executor as Dagster takes it.

    Args:
        max_concurrent: Says at the start of a run how many steps may run at once.
    """

    @dg.executor(name="threads", config_schema={})
    def threads(_: dg.InitExecutorContext) -> Executor:
        return ThreadExecutor(max_concurrent())

    return threads
