"""Sensors that together do what `spotify-assets sync` does: read landed files, refresh stale tables, publish."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from spotify_assets.apart import call_apart
from spotify_assets.defs import jobs, sync_jobs
from spotify_assets.defs.findings import find_digest, find_lacking, find_landed, find_runs
from spotify_assets.defs.liveness import ACTIVE, fail_dead_runs, run_is_under_way
from spotify_assets.defs.unchanged import QuietTicks, state_of_files
from spotify_assets.defs.waiting import Moments, first_request, interval_seconds
from spotify_assets.ingest.history_changes import find_mismatch
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.queue import LandingQueue
from spotify_assets.refresh.sync_log import SyncLog
from spotify_assets.settings import Settings
from spotify_assets.storage import Bucket, is_s3
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import Target
from spotify_assets.targets.registry import targets

# Files modified within this time may still be being copied.
SETTLE = timedelta(seconds=10)
# Jobs that write tables whose staleness the sensors compute: a sync beside them would compute the same.
WRITING = [
    "sync",
    "refresh_and_publish",
    "read_history",
    "refresh_tables",
    "refresh_playlists",
    "capture_playlists",
    "fetch_metadata",
]
FIRST_RETRY = 60.0
LAST_RETRY = 3600.0
# 2**1024 is too large for a float, and a run may be requested as often in six weeks.
MAX_DOUBLINGS = 10
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
MESSAGES_TAG = "spotify_assets/landing_messages"
# Messages for one run, and messages received for it, per tick.
MAX_MESSAGES = 100
MAX_RECEIVED = 1000
# Largest expected difference between the clocks of S3 and this machine.
CLOCK_SKEW = timedelta(minutes=5)
# A target that had everything is asked again after this time, or when the lake changes.
ASK_AGAIN = timedelta(minutes=5)
ASK_BILLED_AGAIN = timedelta(days=1)
QUIET = QuietTicks()


def active_run(context: dg.SensorEvaluationContext, job_names: Sequence[str]) -> str | None:
    """Describe an active run of one of the jobs; None if there is none. Marks runs of dead processes as failed."""
    fail_dead_runs(context.instance)
    # The oldest first: of a sync and the run that it is at, the sync.
    for record in context.instance.get_run_records(dg.RunsFilter(statuses=ACTIVE), ascending=True):
        run = record.dagster_run
        if run.job_name in job_names and run_is_under_way(context.instance, record):
            return f"run {run.run_id[:8]} of {run.job_name} is under way"
    return None


def back_off(cursor: str | None, wanted: str, now: float) -> tuple[str, str | None]:
    """Back off from requesting the same run again.

    If the sensor still wants the run that it requested last, that run failed or has not started. It is requested
    again after 1, 2, 4, ... minutes, at most an hour. Otherwise a file that makes every run fail would start one on
    each tick.

    Args:
        cursor: The sensor's cursor.
        wanted: Identifies the run.
        now: Unix time.

    Returns:
        The new cursor, and why the run is not requested (None if it is).
    """
    requested = json.loads(cursor) if cursor else {}
    if requested.get("wanted") != wanted:
        return json.dumps({"wanted": wanted, "times": 1, "at": now}), None
    backoff = min(FIRST_RETRY * 2 ** min(requested["times"] - 1, MAX_DOUBLINGS), LAST_RETRY)
    # A clock that was set back would add to the wait.
    wait = min(backoff - (now - requested["at"]), backoff)
    if wait > 0:
        return str(cursor), f"this run was requested {requested['times']} times already; next in {wait:,.0f} s"
    return json.dumps({"wanted": wanted, "times": requested["times"] + 1, "at": now}), None


def _last_problem(settings: Settings) -> str:
    """Sentence on the last sync by a command, if it did not succeed; empty if it did."""
    problem = SyncLog(settings.lake_uri).last_problem()
    return f" {problem}" if problem else ""


@dg.sensor(
    job=sync_jobs.sync_job,
    minimum_interval_seconds=interval_seconds(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a sync when files below landing/history are new, changed or deleted: it reads them, refreshes "
    "stale tables and publishes.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    return first_request(_landing_tick, context, settings)


def _landing_tick(
    context: dg.SensorEvaluationContext, settings: Settings, moments: Moments
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, WRITING):
        moments.wait_for_runs()
        return dg.SkipReason(f"{busy}.")
    if settings.landing_queue_url:
        queue = LandingQueue(settings.landing_queue_url, Bucket(settings.landing_uri))
        return _from_queue(context, queue, Lake(settings.lake_uri))
    state = state_of_files(settings)
    if told := QUIET.told("landing_sensor", settings, state):
        return dg.SkipReason(told)
    # Objects in S3 appear complete.
    settled_before = None if is_s3(settings.landing_uri) else datetime.now(UTC) - SETTLE
    found = call_apart(find_landed, settings, settled_before)
    if not found.is_news:
        told = (
            f"{found.files:,} files below {settings.landing_uri}/history; all are read, or modified only seconds ago."
            f"{found.unused}{_last_problem(settings)}"
        )
        if found.is_unsettled:
            moments.look_again_in(SETTLE.total_seconds() / 2)
            return dg.SkipReason(told)
        return dg.SkipReason(QUIET.note("landing_sensor", settings, state, told))
    cursor, reason = back_off(context.cursor, found.identity, time.time())
    if reason:
        return dg.SkipReason(f"{found.summary}, but {reason}.")
    if busy := active_run(context, WRITING):  # meanwhile
        return dg.SkipReason(f"{busy}.")
    if found.mismatch:
        context.log.warning(f"{found.mismatch}: records are read again")
    context.log.info(f"Landing zone: {found.summary}")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


def _from_queue(
    context: dg.SensorEvaluationContext, queue: LandingQueue, lake: Lake
) -> dg.SensorResult | dg.SkipReason:
    """Request a sync for messages about new files, or for files that a failed run left unread.

    Messages are deleted on the next tick if their run exists by then; otherwise the queue delivers them again.
    Messages about files that were already read are deleted at once.
    """
    requested = json.loads(context.cursor) if context.cursor else {}
    if requested.get("receipts") and _last_reading(context, tags={MESSAGES_TAG: requested["messages"]}):
        queue.delete(requested["receipts"])
    succeeded = _last_reading(context, statuses=[dg.DagsterRunStatus.SUCCESS])
    started = succeeded.start_time if succeeded else None
    if started and started > time.time():
        started = None  # by a clock that was ahead: until then, every new message would count as read
    read_since = datetime.fromtimestamp(started, UTC) - CLOCK_SKEW if started else None
    relevant: list[str] = []
    others: list[str] = []
    for message in queue.receive(MAX_RECEIVED):
        (relevant if message.has_history_since(read_since) else others).append(message.receipt)
        if len(relevant) >= MAX_MESSAGES:
            break
    queue.delete(others)
    name = uuid4().hex
    if relevant:
        cursor = json.dumps({"messages": name, "receipts": relevant})
        context.log.info(f"{len(relevant):,} messages about new, changed or deleted files")
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={MESSAGES_TAG: name})], cursor=cursor)
    last = _last_reading(context)
    has_failed = last is not None and last.dagster_run.status in FAILED
    mismatch = find_mismatch(lake)
    if mismatch or lake.open("raw_files") is None or has_failed:
        wanted = f"after {'a failure' if has_failed else 'none'}: {mismatch.reason}"
        cursor, reason = back_off(context.cursor if "wanted" in requested else None, wanted, time.time())
        if reason is None:
            context.log.info(f"No message, but {mismatch.reason or 'landed files were not read yet'}")
            return dg.SensorResult(run_requests=[dg.RunRequest(tags={MESSAGES_TAG: name})], cursor=cursor)
        return dg.SkipReason(f"{mismatch.reason or 'The last run failed'}; {reason}.")
    return dg.SensorResult(
        skip_reason=f"No new files in {queue.url}; {len(others):,} other messages.", cursor=json.dumps({})
    )


def _last_reading(context: dg.SensorEvaluationContext, **run_filter: Any) -> dg.RunRecord | None:
    """The latest run that matches a filter and was to read landed history: a sync, or the one that it started."""
    found = [
        record
        for job in (sync_jobs.sync_job, jobs.read_history)
        for record in context.instance.get_run_records(dg.RunsFilter(job_name=job.name, **run_filter), limit=1)
    ]
    return max(found, key=lambda record: record.storage_id, default=None)


@dg.sensor(
    job=sync_jobs.refresh_and_publish,
    minimum_interval_seconds=interval_seconds(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts refresh_and_publish for what no sync has refreshed: after changed settings, an upgrade, a run "
    "that failed, or landed catalogue files, responses and overrides.",
)
def stale_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    return first_request(_stale_tick, context, settings)


def _stale_tick(
    context: dg.SensorEvaluationContext, settings: Settings, moments: Moments
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, WRITING):
        moments.wait_for_runs()
        return dg.SkipReason(f"{busy}.")
    state = state_of_files(settings, has_history=False)
    if told := QUIET.told("stale_sensor", settings, state):
        return dg.SkipReason(told)
    found = call_apart(find_runs, settings)
    for line in found.repaired:
        context.log.warning(line)
    if found.reason:
        return dg.SkipReason(found.reason)
    if not found.runs:
        told = f"Every table is up to date with the landing zone.{_last_problem(settings)}"
        return dg.SkipReason(QUIET.note("stale_sensor", settings, state, told))
    runs = found.runs
    cursor, reason = back_off(context.cursor, found.wanted, time.time())
    if reason:
        return dg.SkipReason(f"Stale: {runs[0]}, but {reason}.")
    if busy := active_run(context, WRITING):  # meanwhile
        return dg.SkipReason(f"{busy}.")
    context.log.info(f"Stale: {', '.join(map(str, runs))}")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


@dg.sensor(
    job=jobs.publish_tables,
    minimum_interval_seconds=interval_seconds(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts publish_tables for what a target lacks of the lake, when no table is stale. Targets are asked "
    "when the lake changed, when they are newly configured, and every five minutes; Snowflake, which bills for an "
    "answer, once a day.",
)
def publish_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    return first_request(_publish_tick, context, settings)


def _publish_tick(
    context: dg.SensorEvaluationContext, settings: Settings, moments: Moments
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, [*WRITING, jobs.publish_tables.name]):
        moments.wait_for_runs()
        return dg.SkipReason(f"{busy}.")
    state = state_of_files(settings, has_history=False)
    if told := QUIET.told("publish_sensor", settings, state, ASK_AGAIN.total_seconds()):
        return dg.SensorResult(skip_reason=told, cursor=context.cursor)
    configured = targets(settings)
    notes = (json.loads(context.cursor) if context.cursor else {}).get("targets", {})
    found = call_apart(find_digest, settings, only_if=_published_state(configured, notes))
    if found.reason:
        return dg.SkipReason(found.reason)
    tags = {publishing.LAKE_TAG: found.digest}
    asked = {
        name: back_off(notes.get(name, {}).get("requested"), found.digest, time.time())
        for name, target in configured.items()
        if not _is_current(target, found.digest, notes.get(name, {}))
    }
    # One whose run was requested is asked again only once that has succeeded, or once it is requested again.
    waiting = {
        name: reason
        for name, (requested, reason) in asked.items()
        if reason and not _has_succeeded(context, tags, json.loads(str(requested))["at"])
    }
    names = [name for name in asked if name not in waiting]
    wanted: list[dg.AssetKey] = []
    for name, lacking in (call_apart(find_lacking, settings, names) if names else {}).items():
        requested, reason = asked[name]
        if lacking.problem:
            context.log.warning(lacking.problem)
        if not lacking.tables:
            notes[name] = {"current": found.digest, "asked_at": time.time()}
            continue
        notes[name] = {"requested": requested}
        if reason:
            waiting[name] = reason
        else:
            wanted += [dg.AssetKey([name, table]) for table in lacking.tables]
    cursor = json.dumps({"targets": {name: notes[name] for name in configured if name in notes}})
    if wanted:
        return dg.SensorResult(run_requests=[dg.RunRequest(asset_selection=wanted, tags=tags)], cursor=cursor)
    if waiting:
        told = " ".join(f"{name} lacks changes of the lake, but {reason}." for name, reason in waiting.items())
    else:
        told = QUIET.note("publish_sensor", settings, state, f"Every target is up to date.{_last_problem(settings)}")
    return dg.SensorResult(skip_reason=told, cursor=cursor)


def _published_state(configured: Mapping[str, Target], notes: Mapping[str, dict[str, Any]]) -> list[str]:
    """The state of the lake that all targets had when they were asked, recently; none if there is no such state."""
    states = {str(notes.get(name, {}).get("current", "")) for name in configured}
    return [
        state
        for state in states
        if all(_is_current(target, state, notes.get(name, {})) for name, target in configured.items())
    ]


def _is_current(target: Target, digest: str, note: dict[str, Any]) -> bool:
    """Whether the target had everything of this state of the lake, and was asked for that recently."""
    ask_again = ASK_BILLED_AGAIN if target.bills_for_states else ASK_AGAIN
    return note.get("current") == digest and time.time() - note["asked_at"] < ask_again.total_seconds()


def _has_succeeded(context: dg.SensorEvaluationContext, tags: dict[str, str], since: float) -> bool:
    """Whether a run with these tags that was created since (Unix time) has succeeded."""
    succeeded = dg.RunsFilter(
        job_name=jobs.publish_tables.name,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        tags=tags,
        created_after=datetime.fromtimestamp(since, UTC),
    )
    return bool(context.instance.get_run_records(succeeded, limit=1))
