"""Schedules: upkeep of the lake; and what asks the Web API, stopped until you start it, and there only where
credentials are set.
"""

import dagster as dg

from spotify_assets.defs import jobs
from spotify_assets.refresh.plan import RANGE_END, RANGE_START


@dg.schedule(
    job=jobs.capture_playlists,
    # Charts and editorial lists change over night; by noon (UTC) the day's are there.
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
    description="Polls recent plays every 30 minutes: Spotify tells the last 50 only.",
)

weekly_metadata = dg.ScheduleDefinition(
    name="weekly_metadata",
    job=jobs.fetch_metadata,
    cron_schedule="0 4 * * 1",
    execution_timezone="UTC",
    description="Asks for metadata and artwork every Monday, within SPOTIFY_ASSETS_API_BUDGET calls.",
)

weekly_maintenance = dg.ScheduleDefinition(
    name="weekly_maintenance",
    job=jobs.maintain_tables,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compacts and vacuums the tables every Sunday, keeping SPOTIFY_ASSETS_RETENTION_DAYS of versions.",
)

ASK_SPOTIFY = [daily_playlists, recent_plays_every_half_hour, weekly_metadata]
