"""Dagster's partitions of plays and of playlist snapshots."""

import dagster as dg

from spotify_assets.model import PLAYS, SNAPSHOTS, LakeTable
from spotify_assets.settings import Settings
from spotify_assets.windows import floor_to_grain


def play_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Partitions of plays, up to the one after the current: timestamps of plays may be up to a day in the future."""
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    options: dict = {"start_date": start.strftime("%Y-%m-%d"), "end_offset": 2}
    if settings.plays_grain == "monthly":
        return dg.MonthlyPartitionsDefinition(**options)
    if settings.plays_grain == "weekly":
        return dg.WeeklyPartitionsDefinition(day_offset=1, **options)
    return dg.DailyPartitionsDefinition(**options)


def snapshot_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Partitions of playlist snapshots by day of capture (UTC), up to today."""
    return dg.DailyPartitionsDefinition(start_date=f"{settings.snapshots_start:%Y-%m-%d}", end_offset=1)


def partitions_of(table: LakeTable, settings: Settings) -> dg.TimeWindowPartitionsDefinition | None:
    """Partitions of a table; None for an unpartitioned table."""
    if table.partitioning == PLAYS:
        return play_partitions(settings)
    if table.partitioning == SNAPSHOTS:
        return snapshot_partitions(settings)
    return None
