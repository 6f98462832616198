"""Schedules: weekly maintenance, and requests to the Web API.

Those for the Web API are defined only if its credentials are set, and are stopped until you start them.
"""

import dagster as dg

from spotify_assets.defs import jobs
from spotify_assets.refresh.plan import RANGE_END, RANGE_START


@dg.schedule(
    job=jobs.capture_playlists,
    # Charts and editorial playlists change overnight; by noon (UTC) they are up to date.
    cron_schedule="0 12 * * *",
    execution_timezone="UTC",
    description="Captures the playlists of SPOTIFY_ASSETS_PLAYLISTS every day at noon, UTC.",
)
def daily_playlists(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    day = f"{context.scheduled_execution_time:%Y-%m-%d}"
    return dg.RunRequest(tags={RANGE_START: day, RANGE_END: day})


recent_plays_every_half_hour = dg.ScheduleDefinition(
    name="recent_plays_every_half_hour",
    job=jobs.poll_recent_plays,
    cron_schedule="*/30 * * * *",
    description="Polls recent plays every 30 minutes: Spotify returns the last 50 only.",
)

weekly_metadata = dg.ScheduleDefinition(
    name="weekly_metadata",
    job=jobs.fetch_metadata,
    cron_schedule="0 4 * * 1",
    execution_timezone="UTC",
    description="Requests missing metadata and artwork every Monday, at most SPOTIFY_ASSETS_API_BUDGET requests.",
)

weekly_maintenance = dg.ScheduleDefinition(
    name="weekly_maintenance",
    job=jobs.maintain_tables,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compacts and vacuums the tables every Sunday; keeps versions for SPOTIFY_ASSETS_RETENTION_DAYS days.",
)

WEB_API = [daily_playlists, recent_plays_every_half_hour, weekly_metadata]
