"""Sensors that together do what `spotify-assets sync` does: read landed files, refresh stale tables, publish."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from spotify_assets.defs import jobs
from spotify_assets.defs.liveness import ACTIVE, fail_dead_runs, run_is_under_way
from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.ingest.history_changes import Changes, find_changes, find_mismatch
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.queue import LandingQueue
from spotify_assets.landing.zone import CATALOG
from spotify_assets.refresh import plan, repair, staleness
from spotify_assets.refresh.sync_log import SyncLog
from spotify_assets.settings import Settings
from spotify_assets.storage import Bucket, is_s3
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import Target
from spotify_assets.targets.registry import targets

# Files modified within this time may still be being copied.
SETTLE = timedelta(seconds=10)
# Jobs that write tables whose staleness the sensors compute.
WRITING = ["read_history", "refresh_tables", "refresh_playlists", "capture_playlists", "fetch_metadata"]
# Files that a sensor names.
MAX_NAMED = 10
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


def active_run(context: dg.SensorEvaluationContext, job_names: Sequence[str]) -> str | None:
    """Describe an active run of one of the jobs; None if there is none. Marks runs of dead processes as failed."""
    fail_dead_runs(context.instance)
    for name in job_names:
        for record in context.instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ACTIVE), limit=20):
            if run_is_under_way(context.instance, record):
                return f"run {record.dagster_run.run_id[:8]} of {name} is under way"
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


def _identify(changes: Changes) -> str:
    """Identifier that is equal for equal changes."""
    files = [f"{file.path}@{file.landed_at.isoformat()}" for file in (*changes.to_read, *changes.touched)]
    return json.dumps(sorted([*files, *changes.deleted]))[:4000]


def _name_unused(changes: Changes) -> str:
    """Sentence on files that are not used: their number, and why the first of them; empty where there is none."""
    if not changes.unused:
        return ""
    named = "; ".join(map(str, changes.unused[:MAX_NAMED]))
    more = len(changes.unused) - MAX_NAMED
    return f" Not used: {named}{f'; and {more:,} more' if more > 0 else ''}."


def _last_problem(lake: Lake) -> str:
    """Sentence on the last sync by a command, if it did not succeed; empty if it did."""
    problem = SyncLog(lake.uri).last_problem()
    return f" {problem}" if problem else ""


@dg.sensor(
    job=jobs.read_history,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts read_history when files below landing/history are new, changed or deleted.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, ["read_history"]):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    if settings.landing_queue_url:
        return _from_queue(context, LandingQueue(settings.landing_queue_url, Bucket(settings.landing_uri)), lake)
    # Objects in S3 appear complete.
    settled_before = None if is_s3(landing.uri) else datetime.now(UTC) - SETTLE
    changes = find_changes(landing.zone, lake, settings, settled_before)
    # stale_sensor reads catalogue files, once the tables of history are there.
    is_first = not changes and lake.open("raw_files") is None and any(landing.zone.captures(CATALOG))
    if not changes and not is_first:
        return dg.SkipReason(
            f"{changes.files:,} files below {landing.uri}/history; all are read, or modified only seconds ago."
            f"{_name_unused(changes)}{_last_problem(lake)}"
        )
    cursor, reason = back_off(context.cursor, _identify(changes), time.time())
    if reason:
        return dg.SkipReason(f"{changes.summary()}, but {reason}.")
    if changes.mismatch:
        context.log.warning(f"{changes.mismatch.reason}: records are read again")
    context.log.info(f"Landing zone: {changes.summary()}")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


def _from_queue(
    context: dg.SensorEvaluationContext, queue: LandingQueue, lake: Lake
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for messages about new files, or for files that a failed run left unread.

    Messages are deleted on the next tick if their run exists by then; otherwise the queue delivers them again.
    Messages about files that were already read are deleted at once.
    """
    requested = json.loads(context.cursor) if context.cursor else {}
    if requested.get("receipts") and _runs(context, tags={MESSAGES_TAG: requested["messages"]}):
        queue.delete(requested["receipts"])
    succeeded = next(iter(_runs(context, statuses=[dg.DagsterRunStatus.SUCCESS])), None)
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
    last = next(iter(_runs(context)), None)
    failed = last.dagster_run.run_id if last and last.dagster_run.status in FAILED else ""
    mismatch = find_mismatch(lake)
    if mismatch or lake.open("raw_files") is None or failed:
        wanted = f"after {failed}{mismatch.reason}"
        cursor, reason = back_off(context.cursor if "wanted" in requested else None, wanted, time.time())
        if reason is None:
            context.log.info(f"No message, but {mismatch.reason or 'landed files were not read yet'}")
            return dg.SensorResult(run_requests=[dg.RunRequest(tags={MESSAGES_TAG: name})], cursor=cursor)
        return dg.SkipReason(f"{mismatch.reason or 'The last run failed'}; {reason}.")
    return dg.SensorResult(
        skip_reason=f"No new files in {queue.url}; {len(others):,} other messages.", cursor=json.dumps({})
    )


def _runs(context: dg.SensorEvaluationContext, **run_filter: Any) -> Sequence[dg.RunRecord]:
    """The latest run of read_history that matches a filter, as a list of at most one."""
    return context.instance.get_run_records(dg.RunsFilter(job_name=jobs.read_history.name, **run_filter), limit=1)


@dg.sensor(
    jobs=[jobs.refresh_tables, jobs.refresh_playlists],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts refresh_tables for stale months and refresh_playlists for stale days of snapshots, one range "
    "of partitions at a time, until nothing is stale.",
)
def stale_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, WRITING):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    try:
        if lake.open("raw_files") is None:
            return dg.SkipReason("Nothing has been read from the landing zone yet; landing_sensor starts that.")
        stale = staleness.stale(lake, settings)
        if stale.damaged:
            for line in repair.reset_damaged(lake, settings, stale.damaged):
                context.log.warning(line)
            stale = staleness.stale(lake, settings)
    except DamagedTableError as error:
        return dg.SkipReason(f"{error}.")
    if not stale:
        return dg.SkipReason(f"Every table is up to date with the landing zone.{_last_problem(lake)}")
    runs = plan.plan_runs(stale, settings)
    wanted = json.dumps([runs[0].tables, runs[0].keys, staleness.inputs_version(lake)])
    cursor, reason = back_off(context.cursor, wanted, time.time())
    if reason:
        return dg.SkipReason(f"Stale: {runs[0]}, but {reason}.")
    context.log.info(f"Stale: {', '.join(map(str, runs))}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                job_name=jobs.REFRESH[runs[0].partitioning].name,
                asset_selection=[dg.AssetKey(table) for table in runs[0].tables],
                tags=runs[0].tags,
            )
        ],
        cursor=cursor,
    )


@dg.sensor(
    job=jobs.publish_tables,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts publish_tables for what a target lacks of the lake, when no table is stale. Targets are asked "
    "when the lake changed, when they are newly configured, and every five minutes; Snowflake, which bills for an "
    "answer, once a day.",
)
def publish_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, [*WRITING, jobs.publish_tables.name]):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    configured = targets(settings)
    notes = (json.loads(context.cursor) if context.cursor else {}).get("targets", {})
    # Most ticks end here: to find what is stale takes longer.
    if notes and _are_current(configured, lake, notes):
        return dg.SensorResult(skip_reason=f"Every target is up to date.{_last_problem(lake)}", cursor=context.cursor)
    try:
        if lake.open("raw_files") is None or staleness.stale(lake, settings):
            return dg.SkipReason("Tables are stale; stale_sensor refreshes them first.")
    except DamagedTableError as error:
        return dg.SkipReason(f"{error}.")
    tags = {publishing.LAKE_TAG: publishing.lake_digest(lake)}
    wanted: list[dg.AssetKey] = []
    waiting = []
    for name, target in configured.items():
        lacking, notes[name], reason = _lacking_tables(context, target, lake, tags, notes.get(name, {}))
        wanted += [dg.AssetKey([name, table]) for table in lacking]
        if reason:
            waiting.append(f"{name} lacks changes of the lake, but {reason}.")
    cursor = json.dumps({"targets": {name: notes[name] for name in configured}})
    if not wanted:
        reason = " ".join(waiting) or f"Every target is up to date.{_last_problem(lake)}"
        return dg.SensorResult(skip_reason=reason, cursor=cursor)
    return dg.SensorResult(run_requests=[dg.RunRequest(asset_selection=wanted, tags=tags)], cursor=cursor)


def _are_current(configured: Mapping[str, Target], lake: Lake, notes: Mapping[str, dict[str, Any]]) -> bool:
    """Whether all targets have everything of the lake by what was noted of them; not where a table is damaged."""
    try:
        digest = publishing.lake_digest(lake)
    except DamagedTableError:
        return False
    return all(_is_current(target, digest, notes.get(name, {})) for name, target in configured.items())


def _is_current(target: Target, digest: str, note: dict[str, Any]) -> bool:
    """Whether the target had everything of this state of the lake, and was asked for that recently."""
    ask_again = ASK_BILLED_AGAIN if target.bills_for_states else ASK_AGAIN
    return note.get("current") == digest and time.time() - note["asked_at"] < ask_again.total_seconds()


def _lacking_tables(
    context: dg.SensorEvaluationContext, target: Target, lake: Lake, tags: dict[str, str], note: dict[str, Any]
) -> tuple[Sequence[str], dict[str, Any], str | None]:
    """Tables that a run should publish to the target; all of them if it can't be asked, so that the run says why.

    Args:
        context: Of the tick.
        target: The target.
        lake: The lake.
        tags: Of the run; they identify the state of the lake.
        note: What an earlier tick noted: `current` (state of the lake that the target has) and `asked_at` (Unix
            time), or `requested` (see `back_off`).

    Returns:
        The tables, the new note, and why no run is requested although the target lacks something.
    """
    now, digest = time.time(), tags[publishing.LAKE_TAG]
    if _is_current(target, digest, note):
        return (), note, None
    requested, reason = back_off(note.get("requested"), digest, now)
    if reason and not _has_succeeded(context, tags, json.loads(requested)["at"]):
        return (), note, reason
    try:
        lacking = [refresh.table for refresh in publishing.pending_refreshes(target, lake)]
    except publishing.TargetError as error:
        context.log.warning(str(error))
        lacking = list(target.tables)
    if not lacking:
        return (), {"current": digest, "asked_at": now}, None
    return (() if reason else lacking), {"requested": requested}, reason


def _has_succeeded(context: dg.SensorEvaluationContext, tags: dict[str, str], since: float) -> bool:
    """Whether a run with these tags that was created since (Unix time) has succeeded."""
    succeeded = dg.RunsFilter(
        job_name=jobs.publish_tables.name,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        tags=tags,
        created_after=datetime.fromtimestamp(since, UTC),
    )
    return bool(context.instance.get_run_records(succeeded, limit=1))
