"""Sync once, or do the same work without Dagster: `python -m benchmarks.sync_job sync|direct <result file>`.

Environment variables set the landing zone, the lake and Dagster's home.
"""

import inspect
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg

from spotify_assets.cli.sync_runs import command_runner
from spotify_assets.definitions import resources
from spotify_assets.defs.checks import history, model_checks
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.ingest.history import ingest
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh import plan, staleness
from spotify_assets.settings import Settings, load_settings


def through_dagster(settings: Settings) -> dict[str, float]:
    """Sync; return its seconds, including the start of the engine, and the number of partitions computed."""
    with command_runner(settings) as here:
        began = time.perf_counter()
        done = here.sync()
        return {"sync": time.perf_counter() - began, "partitions": done.partitions}


def directly(settings: Settings) -> dict[str, float]:
    """Do the work of a sync without Dagster; return seconds, including the start of the engine.

    `work` is reading, computing and writing the tables; `checks` is running the bodies of the asset checks.
    """
    manager: DeltaLakeIOManager = resources(settings)["lake"]
    frames = manager.frames
    checks = [*model_checks.build_checks(), *dg.load_asset_checks_from_modules([history])]
    began = time.perf_counter()
    ingest(LandingZone(settings.landing_uri), frames.lake, settings)
    planned = plan.plan_runs(staleness.stale(frames.lake, settings), settings)
    for run in planned:
        for table in run.tables:
            keys = run.keys if TABLES[table].is_partitioned else ()
            frames.write(table, frames.compute(table, keys), keys)
    worked = time.perf_counter()
    for run in planned:
        for check in checks:
            _check(check, run.tags, manager, settings)
    return {"work": worked - began, "checks": time.perf_counter() - worked}


def _check(
    check: dg.AssetChecksDefinition, tags: dict[str, str], lake: DeltaLakeIOManager, settings: Settings
) -> None:
    """Run the body of a check, with a substitute for Dagster's context."""
    body = check.op.compute_fn.decorated_fn  # type: ignore[union-attr]  # these are declared by decorators
    context = SimpleNamespace(run=SimpleNamespace(tags=tags), selected_asset_check_keys=check.check_keys)
    arguments: dict[str, Any] = {"context": context, "lake": lake, "settings": settings}
    results = body(**{name: arguments[name] for name in inspect.signature(body).parameters})
    if inspect.isgenerator(results):
        list(results)


if __name__ == "__main__":
    doing = {"sync": through_dagster, "direct": directly}[sys.argv[1]]
    Path(sys.argv[2]).write_text(json.dumps(doing(load_settings())))
