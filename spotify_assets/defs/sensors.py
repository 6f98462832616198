"""Three sensors that together do what `spotify-assets sync` does: read what landed, then refresh what is stale, then
publish what changed.
"""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from spotify_assets.defs import jobs
from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.ingest.history import Changes, find_changes
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.queue import LandingQueue
from spotify_assets.refresh import plan, staleness
from spotify_assets.settings import Settings
from spotify_assets.storage import Bucket, is_s3
from spotify_assets.targets import publishing

# Files touched since then may still be copied.
SETTLE = timedelta(seconds=10)
# A run that says nothing for this long was killed: Dagster keeps it as started for ever.
SILENT = timedelta(hours=1)
# Jobs that write what the stale sensor looks at.
WRITING = ["read_history", "refresh_tables", "refresh_playlists", "capture_playlists", "fetch_metadata"]
FIRST_RETRY = 60.0
LAST_RETRY = 3600.0
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
MESSAGES_TAG = "spotify_assets/landing_messages"
# Messages whose run is asked for on one tick, and that are looked at for it.
MAX_MESSAGES = 100
MAX_RECEIVED = 1000
# Clocks of S3 and of this machine may differ by so much.
CLOCK_SKEW = timedelta(minutes=5)
ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
          dg.DagsterRunStatus.STARTED]  # fmt: skip


def active_run(context: dg.SensorEvaluationContext, job_names: Sequence[str]) -> str | None:
    """A run of one of the jobs that is under way, in words."""
    for name in job_names:
        for record in context.instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ACTIVE), limit=20):
            if datetime.now(UTC) - record.update_timestamp.astimezone(UTC) < SILENT:
                return f"run {record.dagster_run.run_id[:8]} of {name} is under way"
    return None


def held_back(cursor: str | None, wanted: str, now: float) -> tuple[str, str | None]:
    """Whether to ask for the same thing again: the new cursor, and why not (None where it is to be asked).

    What was asked for before and is still wanted has failed, or not begun: after a minute it is asked for again,
    then after two, four, ... up to an hour. Otherwise a file that breaks each run would start one on every tick.
    """
    asked = json.loads(cursor) if cursor else {}
    if asked.get("wanted") != wanted:
        return json.dumps({"wanted": wanted, "times": 1, "at": now}), None
    wait = min(FIRST_RETRY * 2 ** (asked["times"] - 1), LAST_RETRY) - (now - asked["at"])
    if wait > 0:
        return str(cursor), f"asked for this {asked['times']} times already; again in {wait:,.0f} s"
    return json.dumps({"wanted": wanted, "times": asked["times"] + 1, "at": now}), None


def _named(changes: Changes) -> str:
    """A name for what changed: the same for the same change."""
    files = [f"{file.path}@{file.landed_at.isoformat()}" for file in (*changes.to_read, *changes.touched)]
    return json.dumps(sorted([*files, *changes.deleted]))[:4000]


@dg.sensor(
    job=jobs.read_history,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for read_history when files below landing/history are new, changed or deleted.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, ["read_history"]):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    if settings.landing_queue_url:
        return _from_queue(context, LandingQueue(settings.landing_queue_url, Bucket(settings.landing_uri)), lake)
    # An object comes whole.
    settled_before = None if is_s3(landing.uri) else datetime.now(UTC) - SETTLE
    changes = find_changes(landing.zone, lake, settings, settled_before)
    if not changes:
        return dg.SkipReason(
            f"{changes.files:,} files below {landing.uri}/history, all of them read or too fresh to be."
        )
    cursor, reason = held_back(context.cursor, _named(changes), time.time())
    if reason:
        return dg.SkipReason(f"{changes.summary()}, but {reason}.")
    context.log.info(f"Landing zone: {changes.summary()}")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


def _from_queue(
    context: dg.SensorEvaluationContext, queue: LandingQueue, lake: Lake
) -> dg.SensorResult | dg.SkipReason:
    """What messages tell of, and what a run that failed left unread.

    A message is deleted on the tick after the one that asked for its run, once that run is found; should that never
    be, it comes again. What tells of nothing new is deleted at once.
    """
    asked = json.loads(context.cursor) if context.cursor else {}
    if asked.get("receipts") and _runs(context, tags={MESSAGES_TAG: asked["messages"]}):
        queue.delete(asked["receipts"])
    succeeded = next(iter(_runs(context, statuses=[dg.DagsterRunStatus.SUCCESS])), None)
    started = succeeded.start_time if succeeded else None
    read_since = datetime.fromtimestamp(started, UTC) - CLOCK_SKEW if started else None
    news: list[str] = []
    others: list[str] = []
    for message in queue.receive(MAX_RECEIVED):
        (news if message.has_history_since(read_since) else others).append(message.receipt)
        if len(news) >= MAX_MESSAGES:
            break
    queue.delete(others)
    name = uuid4().hex
    if news:
        cursor = json.dumps({"messages": name, "receipts": news})
        context.log.info(f"{len(news):,} messages tell of new, changed or deleted files")
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={MESSAGES_TAG: name})], cursor=cursor)
    last = next(iter(_runs(context)), None)
    failed = last.dagster_run.run_id if last and last.dagster_run.status in FAILED else ""
    if lake.open("raw_files") is None or failed:
        cursor, reason = held_back(context.cursor if "wanted" in asked else None, f"after {failed}", time.time())
        if reason is None:
            context.log.info("No message, but what is landed was not read")
            return dg.SensorResult(run_requests=[dg.RunRequest(tags={MESSAGES_TAG: name})], cursor=cursor)
        return dg.SkipReason(f"The last run failed; {reason}.")
    return dg.SensorResult(
        skip_reason=f"No news in {queue.url}; {len(others):,} messages told of none.", cursor=json.dumps({})
    )


def _runs(context: dg.SensorEvaluationContext, **wanted: Any) -> Sequence[dg.RunRecord]:
    """The latest run of read_history, of those wanted."""
    return context.instance.get_run_records(dg.RunsFilter(job_name=jobs.read_history.name, **wanted), limit=1)


@dg.sensor(
    jobs=[jobs.refresh_tables, jobs.refresh_playlists],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for refresh_tables for exactly the months that are stale, and for refresh_playlists for the "
    "days of snapshots, a range at a time, until nothing is.",
)
def stale_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, WRITING):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    if lake.open("raw_files") is None:
        return dg.SkipReason("Nothing has been read from the landing zone yet: landing_sensor asks for that first.")
    stale = staleness.stale(lake, settings)
    if not stale:
        return dg.SkipReason("Every table is up to date with what is landed.")
    runs = plan.plan_runs(stale, settings)
    wanted = json.dumps([runs[0].tables, runs[0].keys, staleness.inputs_version(lake)])
    cursor, reason = held_back(context.cursor, wanted, time.time())
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
    description="Asks for publish_tables when the lake has changed and nothing in it is stale. It asks no target: "
    "that would keep a warehouse awake that is billed by the minute.",
)
def publish_sensor(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    if busy := active_run(context, [*WRITING, jobs.publish_tables.name]):
        return dg.SkipReason(f"{busy}.")
    lake = Lake(settings.lake_uri)
    if lake.open("raw_files") is None or staleness.stale(lake, settings):
        return dg.SkipReason("Tables are stale: stale_sensor asks for these first.")
    tags = {publishing.LAKE_TAG: publishing.lake_digest(lake)}
    done = dg.RunsFilter(job_name=jobs.publish_tables.name, statuses=[dg.DagsterRunStatus.SUCCESS], tags=tags)
    if context.instance.get_run_records(done, limit=1):
        return dg.SkipReason("The lake is as it was when it was last published.")
    cursor, reason = held_back(context.cursor, tags[publishing.LAKE_TAG], time.time())
    if reason:
        return dg.SkipReason(f"The lake changed, but {reason}.")
    return dg.SensorResult(run_requests=[dg.RunRequest(tags=tags)], cursor=cursor)
