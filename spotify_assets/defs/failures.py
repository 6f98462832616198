"""Why a run failed: its first failed check or step, in one line."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._utils.error import SerializableErrorInfo


def why_failed(events: Sequence[dg.DagsterEvent], warnings: Sequence[str] = ()) -> str:
    """Name the first failed check or step of a run, with the check's description or the root cause's message."""
    for event in events:
        if found := _failed_check(event):
            return f"{found.asset_key.path[-1]}: {found.check_name}: {found.description or 'failed'}"
    for event in events:
        if event.is_step_failure:
            return f"{event.step_key}: {_told_line(event.step_failure_data.error)}"
    if error := _run_error(events):
        return _told_line(error)
    return "; ".join(warnings[-3:]) or "the run did not succeed; to see it in the UI: spotify-assets ui"


def what_failed(events: Sequence[dg.DagsterEvent]) -> str:
    """Name the first failed check or step of a run, as `why_failed`, with the class of the error only."""
    for event in events:
        if found := _failed_check(event):
            return f"{found.asset_key.path[-1]}: {found.check_name}"
    for event in events:
        if event.is_step_failure:
            return f"{event.step_key}: {_root_cause(event.step_failure_data.error)[0]}"
    return _root_cause(_run_error(events))[0]


def _failed_check(event: dg.DagsterEvent) -> dg.AssetCheckEvaluation | None:
    """The event's check, if it failed and is of more than a warning."""
    if event.event_type_value != "ASSET_CHECK_EVALUATION":
        return None
    found = event.asset_check_evaluation_data
    return found if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR else None


def _run_error(events: Sequence[dg.DagsterEvent]) -> "SerializableErrorInfo | None":
    """The error of a run that failed outside of its steps, as by what it starts before the first."""
    return next(
        (event.job_failure_data.error for event in events if event.event_type_value == "PIPELINE_FAILURE"), None
    )


def _told_line(error: "SerializableErrorInfo | None") -> str:
    """What a person is told of an error."""
    name, message = _root_cause(error)
    if name == dg.DagsterExecutionInterruptedError.__name__:
        return "its process was stopped"
    return next(iter(message.strip().splitlines()), "no message")


def _root_cause(error: "SerializableErrorInfo | None") -> tuple[str, str]:
    """Class and message of the error that made a step or a run fail."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "", ""
    # Dagster's message begins with the class. Messages of our own errors are for people, who don't need it.
    return error.cls_name or "", re.sub(r"\Aspotify_assets(?:\.\w+)+: ", "", error.message)
