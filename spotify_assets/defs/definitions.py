"""All assets, checks, jobs, schedules, sensors and resources, for some settings."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg

from spotify_assets.defs import jobs, schedules, sensors, sync_jobs
from spotify_assets.defs.assets import (
    behaviour,
    cleaned,
    content,
    dimensions,
    facts,
    life,
    metrics,
    people,
    periods,
    places,
    playlist_metrics,
    popularity,
    published,
    raw,
    recap,
    reports,
    sessions,
    spoken,
)
from spotify_assets.defs.assets.declare import build
from spotify_assets.defs.checks import catalog, history, model_checks, playlists
from spotify_assets.defs.checks import popularity as popularity_checks
from spotify_assets.defs.executor import thread_executor
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.s3 import s3
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.defs.resources.spotify import SpotifyResource
from spotify_assets.defs.resources.warehouse_file import warehouse_file
from spotify_assets.refresh.plan import tables_at_once
from spotify_assets.settings import Settings
from spotify_assets.storage import is_s3
from spotify_assets.targets.publishing import CountingTarget
from spotify_assets.targets.registry import targets


def resources(settings: Settings) -> dict[str, Any]:
    """Resources by key.

    This project's assets use all of them except `warehouse` and `s3`, which are for assets that you add.
    """
    spark = SparkResource(settings=settings)
    return {
        "settings": settings,
        "landing": LandingResource(uri=settings.landing_uri),
        "spark": spark,
        "spotify": SpotifyResource(settings=settings),
        "lake": DeltaLakeIOManager(spark=spark, settings=settings),
        "warehouse": warehouse_file(settings.warehouse),
        **({"s3": s3} if is_s3(settings.lake_uri) or is_s3(settings.landing_uri) else {}),
        **targets(settings),
    }


# Modules whose tables, and files made of them, are assets.
TABLE_MODULES = (
    raw,
    cleaned,
    dimensions,
    facts,
    metrics,
    periods,
    life,
    sessions,
    behaviour,
    places,
    content,
    people,
    playlist_metrics,
    spoken,
    recap,
    popularity,
    reports,
)


def definitions(settings: Settings, loggers: Mapping[str, dg.LoggerDefinition] | None = None) -> dg.Definitions:
    """Build all definitions. Opens no connection and starts no engine.

    Args:
        settings: Determine locations, partitions and which targets, jobs and schedules there are.
        loggers: Dagster loggers by key; Dagster's default if None.
    """
    stores = targets(settings).values()
    counting = [store for store in stores if isinstance(store, CountingTarget)]
    return dg.Definitions(
        assets=[
            *build(TABLE_MODULES, settings),
            *map(published.published, stores),
        ],
        asset_checks=[
            *model_checks.build_checks(),
            *dg.load_asset_checks_from_modules([catalog, history, playlists, popularity_checks]),
            *map(published.same_rows, counting),
        ],
        jobs=[
            sync_jobs.sync_job,
            sync_jobs.refresh_and_publish,
            jobs.read_history,
            jobs.refresh_tables,
            jobs.refresh_playlists,
            jobs.publish_tables,
            jobs.maintain_tables,
            jobs.write_reports,
            *(jobs.WEB_API if settings.apps else []),
        ],
        schedules=[schedules.weekly_maintenance, *(schedules.WEB_API if settings.apps else [])],
        sensors=[sensors.landing_sensor, sensors.stale_sensor, sensors.publish_sensor],
        resources=resources(settings),
        loggers=loggers,
        executor=thread_executor(partial(tables_at_once, settings)),
    )
