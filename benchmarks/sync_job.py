"""One sync, or the same work without Dagster, in a process of its own: `python -m benchmarks.sync_job <what> ...`.

What is landed, the lake and Dagster's home are those that the environment names.
"""

import inspect
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets import transforms
from spotify_assets.cli import instance, runner
from spotify_assets.definitions import resources
from spotify_assets.defs.checks import history, model_checks
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.ingest.history import ingest
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage, plan, staleness
from spotify_assets.settings import Settings, load_settings
from spotify_assets.windows import span_of, window_predicate, windows_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def through_dagster(settings: Settings) -> dict[str, float]:
    """Seconds of a sync, the start of the engine included, and how many partitions it computed."""
    with instance.instance() as persistent:
        began = time.perf_counter()
        done = runner.Runner(settings, persistent).sync()
        return {"sync": time.perf_counter() - began, "partitions": done.partitions}


def directly(settings: Settings) -> dict[str, float]:
    """Seconds of reading, computing and writing what a sync does, the start of the engine included; and of the
    work of the asset checks.
    """
    given = resources(settings)
    lake: DeltaLakeIOManager = given["lake"]
    landing: LandingZone = given["landing"].zone
    checks = [*map(model_checks.checks_of, TABLES), *dg.load_asset_checks_from_modules([history])]
    began = time.perf_counter()
    ingest(landing, lake.lake, settings)
    planned = plan.plan_runs(staleness.stale(lake.lake, settings), settings)
    for run in planned:
        for table in run.tables:
            keys = run.keys if TABLES[table].is_partitioned else ()
            lake.write(table, _computed(table, keys, lake, settings), keys)
    worked = time.perf_counter()
    for run in planned:
        for check in checks:
            _check(check, run.tags, lake, settings)
    return {"work": worked - began, "checks": time.perf_counter() - worked}


def _computed(table: str, keys: tuple[str, ...], lake: DeltaLakeIOManager, settings: Settings) -> "DataFrame":
    """The table's rows of some partitions, as its asset computes them."""
    span = span_of(keys, windows_of(TABLES[table], settings)) if keys else None
    spark: SparkResource = lake.spark

    def load(upstream: str) -> "DataFrame":
        lake.lake.ensure(upstream)  # there are no playlists, and no metadata
        frame = spark.session.read.format("delta").load(lake.lake.table_uri(upstream))
        return (
            frame.where(window_predicate(TABLES[upstream], span))
            if span and TABLES[upstream].is_partitioned
            else frame
        )

    known = {"settings": settings, "window": span, "spark": spark.session}
    options = {name: value for name, value in known.items() if lineage.takes(table, name)}
    return getattr(transforms, table)(*[load(upstream) for upstream in lineage.upstreams(table)], **options)


def _check(
    check: dg.AssetChecksDefinition, tags: dict[str, str], lake: DeltaLakeIOManager, settings: Settings
) -> None:
    """Run the body of a check, with what it asks of Dagster's context."""
    body = check.op.compute_fn.decorated_fn  # type: ignore[union-attr]  # these are declared by decorators
    context = SimpleNamespace(run=SimpleNamespace(tags=tags), selected_asset_check_keys=check.check_keys)
    known: dict[str, Any] = {"context": context, "lake": lake, "settings": settings}
    results = body(**{name: known[name] for name in inspect.signature(body).parameters})
    if inspect.isgenerator(results):
        list(results)


if __name__ == "__main__":
    doing = {"sync": through_dagster, "direct": directly}[sys.argv[1]]
    Path(sys.argv[2]).write_text(json.dumps(doing(load_settings())))
