"""Which runs are under way: a run whose process was killed has no end, and Dagster shows it as started for good."""

import socket
from datetime import UTC, datetime, timedelta

import dagster as dg

from spotify_assets.processes import is_alive

# Tag of runs in the process of a command: `host:pid`.
PID_TAG = "spotify_assets/process"
ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
          dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]  # fmt: skip
# A run of an unknown process is taken for killed if it told nothing for so long.
SILENT_FOR = timedelta(hours=1)
# Events that are searched for the id of a run's process, which is in one of the first ones.
FIRST_EVENTS = 20


def command_process(run: dg.DagsterRun) -> str:
    """Process of the command that runs it, as `host:pid`; empty if none does.

    A run that is executed again, which commands don't do, has the tags of the first one, and so the id of a process
    that may be gone.
    """
    return "" if run.parent_run_id else run.tags.get(PID_TAG, "")


def run_is_under_way(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether an active run still runs: for as long as its process does, however long it takes and says nothing.

    Of a process on another machine nothing is known but the run's events: an hour without one, and it counts as dead.
    `update_timestamp` tells less, as events don't move it.
    """
    run = record.dagster_run
    if run.status is dg.DagsterRunStatus.QUEUED:  # the daemon starts it, however long it waits
        return True
    since = record.start_time or record.create_timestamp.timestamp()
    if (alive := is_alive(command_process(run), since)) is not None:
        return alive
    if _runs_here(instance, run.run_id, since):
        return True
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    heard = max(
        [record.update_timestamp.astimezone(UTC), *(datetime.fromtimestamp(one.timestamp, UTC) for one in last)]
    )
    return datetime.now(UTC) - heard < SILENT_FOR


def _runs_here(instance: dg.DagsterInstance, run_id: str, since: float) -> bool:
    """Whether a process of this machine has the id that the run's first events tell, as Dagster's daemon starts it."""
    told = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=FIRST_EVENTS).records
    for one in told:
        event = one.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None and is_alive(f"{socket.gethostname()}:{pid.value}", since):
            return True
    return False
