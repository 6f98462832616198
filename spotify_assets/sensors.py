"""Two sensors that together do what `spotify-assets sync` does: read what landed, then refresh what is stale."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from spotify_assets import jobs, provenance, sync
from spotify_assets.ingest import Changes, find_changes
from spotify_assets.lake import Lake
from spotify_assets.resources import LandingResource
from spotify_assets.settings import Settings

# Files touched since then may still be copied.
SETTLE = timedelta(seconds=10)
# A run that says nothing for this long was killed: Dagster keeps it as started for ever.
SILENT = timedelta(hours=1)
# Jobs that write what the stale sensor looks at.
WRITING = ["read_history", "refresh_tables", "refresh_playlists", "capture_playlists", "fetch_metadata"]
FIRST_RETRY = 60.0
LAST_RETRY = 3600.0
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
    return json.dumps(sorted([*files, *changes.gone]))[:4000]


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
    changes = find_changes(landing, lake, settings, settled_before=datetime.now(UTC) - SETTLE)
    if not changes:
        listed = sum(1 for _ in landing.history_files())
        return dg.SkipReason(f"{listed:,} files below {landing.uri}/history, all of them read or too fresh to be.")
    cursor, reason = held_back(context.cursor, _named(changes), time.time())
    if reason:
        return dg.SkipReason(f"{changes.summary()}, but {reason}.")
    context.log.info(f"Landing zone: {changes.summary()}")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


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
    stale = provenance.stale(lake, settings)
    if not stale:
        return dg.SkipReason("Every table is up to date with what is landed.")
    runs = sync.plan(stale, settings)
    wanted = json.dumps([runs[0].tables, runs[0].keys, provenance.inputs_version(lake)])
    cursor, reason = held_back(context.cursor, wanted, time.time())
    if reason:
        return dg.SkipReason(f"Stale: {runs[0]}, but {reason}.")
    context.log.info(f"Stale: {', '.join(map(str, runs))}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                job_name=jobs.REFRESH[runs[0].partitioning].name, asset_selection=runs[0].assets, tags=runs[0].tags
            )
        ],
        cursor=cursor,
    )
