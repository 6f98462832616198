"""What all assets have in common, laid over them in one place."""

import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg

from spotify_assets.defs.partitions import play_partitions, snapshot_partitions
from spotify_assets.defs.schema import dagster_schema
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import settings

# Single-run backfills are "beta" in Dagster since 2023; saying so once per asset hides what matters.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")

OWNERS = ["team:listening-data"]
LAKE = "lake"
PARTITIONS: dict[str | None, dg.PartitionsDefinition | None] = {
    PLAYS: play_partitions(settings()),
    SNAPSHOTS: snapshot_partitions(settings()),
    None: None,
}


def metadata_of(table: str) -> dict[str, Any]:
    """What the model says of a table, in Dagster's words."""
    return {
        "dagster/column_schema": dagster_schema(table),
        "dagster/io_manager_key": LAKE,
        "dagster/table_name": f"{TABLES[table].layer}.{table}",
    }


def common(table: str) -> dict[str, Any]:
    """Arguments of the table's asset or asset spec that the model and the lineage decide."""
    return {
        "group_name": TABLES[table].layer,
        "description": TABLES[table].comment,
        "owners": OWNERS,
        "tags": {"layer": TABLES[table].layer, "domain": "listening"},
        "metadata": metadata_of(table),
        "partitions_def": PARTITIONS[TABLES[table].partitioning],
    }


def lake_table(compute: Callable[..., Any]) -> dg.AssetsDefinition:
    """An asset that Spark computes and the lake stores: the table of the function's name.

    Its parameters are the tables that it reads. Tables that it references by foreign key come before it.
    """
    table = compute.__name__
    options = common(table)
    return dg.asset(
        name=table,
        kinds={"spark", "delta"},
        code_version=lineage.version_of(table),
        io_manager_key=LAKE,
        backfill_policy=dg.BackfillPolicy.single_run() if options["partitions_def"] else None,
        deps=[name for name in TABLES[table].references if name not in lineage.upstreams(table)],
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=60), warn_window=timedelta(days=35))
        if table == "plays"
        else None,
        **options,
    )(compute)
