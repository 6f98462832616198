"""Which runs are under way: a run whose process was killed has no end, and Dagster shows it as started for good."""

import json
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil

# Dagster has no public name for these; if one moves, its import fails.
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG

from spotify_assets.processes import is_alive, this_process

# Tag of runs in the process of a command or of a sync, as `processes.this_process` tells it.
PID_TAG = "spotify_assets/process"
ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
          dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]  # fmt: skip
# A queued run has no process yet.
PROCESSED = [status for status in ACTIVE if status is not dg.DagsterRunStatus.QUEUED]
# How Dagster names the machine of a code server that it started itself.
LOCALHOST = "localhost"
# A run of an unknown process is taken for killed if it told nothing for so long.
SILENT_FOR = timedelta(hours=1)
# Events that are searched for the id of a run's process, which is in one of the first ones.
FIRST_EVENTS = 20


def in_this_process(steps: Sequence[str] = ()) -> EngineEventData:
    """Data of an event that says in which process a run executes these steps."""
    told = EngineEventData.in_process(os.getpid(), list(steps))
    return EngineEventData({**told.metadata, PID_TAG: this_process()})


def command_process(run: dg.DagsterRun) -> str:
    """Process of the command that runs it, as `is_alive` takes it; empty if none does.

    A run that is executed again, which commands don't do, has the tags of the first one, and so the id of a process
    that may be gone.
    """
    return "" if run.parent_run_id else run.tags.get(PID_TAG, "")


def run_is_under_way(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether an active run still runs: for as long as its process does, however long it takes and says nothing.

    Of a process on another machine nothing is known but the run's events: an hour without one, and it counts as dead.
    So it does if the last one is more than an hour ahead: it is of another clock, and would hold for years.
    `update_timestamp` tells less, as events don't move it.
    """
    run = record.dagster_run
    if run.status is dg.DagsterRunStatus.QUEUED:  # the daemon starts it, however long it waits
        return True
    if (alive := _process_is_alive(instance, record)) is not None:
        return alive
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    heard = max(
        [record.update_timestamp.astimezone(UTC), *(datetime.fromtimestamp(one.timestamp, UTC) for one in last)]
    )
    return abs(datetime.now(UTC) - heard) < SILENT_FOR


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose process on this machine no longer exists.

    Dagster does that only for processes of its present code server. After a loss of power, those before would count
    as running for good, and three of them block all others (`max_concurrent_runs`).
    """
    for record in instance.get_run_records(dg.RunsFilter(statuses=PROCESSED)):
        if _process_is_alive(instance, record) is False:
            instance.report_run_failed(record.dagster_run, "The process that ran it no longer exists.")


def _process_is_alive(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool | None:
    """Whether a run's process runs; None where that can't be known, as on another machine.

    Commands name it in a tag. Of a run that Dagster's code server on this machine started, the first events do.
    """
    run = record.dagster_run
    since = record.start_time or record.create_timestamp.timestamp()
    if (alive := is_alive(command_process(run), since)) is not None:
        return alive
    told = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=FIRST_EVENTS
    ).records
    events = [one.event_log_entry.dagster_event for one in told]
    processes = [_process_of(event) for event in events if event and "pid" in event.engine_event_data.metadata]
    if any(is_alive(process, since) for process in processes):
        return True
    return False if processes and _was_started_here(run, since) else None


def _was_started_here(run: dg.DagsterRun, since: float) -> bool:
    """Whether a code server of this machine started the run, and not one in a container that shares DAGSTER_HOME.

    Its socket stays even when it is killed, but temporary files may be gone once the machine was off.
    """
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    is_known = Path(server.get("socket") or "").is_socket() or since < psutil.boot_time()
    return bool(server.get("host") == LOCALHOST and is_known)


def _process_of(event: dg.DagsterEvent) -> str:
    """The process that an event tells, as `is_alive` takes it. Events of Dagster itself tell no more than its id."""
    told = event.engine_event_data.metadata
    return str(told[PID_TAG].value) if PID_TAG in told else f"{socket.gethostname()}:{told['pid'].value}"
