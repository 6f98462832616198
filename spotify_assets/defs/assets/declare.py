"""How assets are declared: a decorator notes the function, and `build` makes the asset for given settings.

What all assets have in common is laid over them here. Nothing is decided when modules are imported, so that
definitions of several settings, as of a monthly and a daily grain, live in one process.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import dagster as dg

from spotify_assets.defs.partitions import partitions_of
from spotify_assets.defs.schema import dagster_schema
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings

OWNERS = ["team:listening-data"]
LAKE = "lake"

Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


@dataclass(frozen=True)
class Declaration:
    """A function that computes assets, and what makes it a definition.

    Attributes:
        compute: The function.
        decorator: Gives Dagster's decorator for these settings; None where they want no such asset.
    """

    compute: Callable[..., Any]
    decorator: Callable[[Settings], Decorator | None]


def build(modules: Iterable[ModuleType], settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets that these modules declare, for these settings."""
    with warnings.catch_warnings():
        # Single-run backfills are "beta" in Dagster since 2023; saying so once per asset hides what matters.
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
        decorated = (
            (declaration.decorator(settings), declaration.compute)
            for module in modules
            for declaration in _declarations(module)
        )
        return [decorate(compute) for decorate, compute in decorated if decorate]


def _declarations(module: ModuleType) -> Iterator[Declaration]:
    """The module's own declarations, in the order in which they stand."""
    for value in vars(module).values():
        if isinstance(value, Declaration) and value.compute.__module__ == module.__name__:
            yield value


def lake_table(compute: Callable[..., Any]) -> Declaration:
    """An asset that Spark computes and the lake stores: the table of the function's name.

    Its parameters are the tables that it reads. Tables that it references by foreign key come before it.
    """
    table = compute.__name__

    def decorator(settings: Settings) -> Decorator:
        options = common(table, settings)
        return dg.asset(
            name=table,
            kinds={"spark", "delta"},
            code_version=lineage.code_version(table),
            io_manager_key=LAKE,
            backfill_policy=_backfill_policy(options["partitions_def"]),
            deps=[name for name in TABLES[table].references if name not in lineage.upstreams(table)],
            freshness_policy=_freshness_policy(table),
            **options,
        )

    return Declaration(compute, decorator)


def landed_tables(
    deps: Callable[[Settings], Mapping[str, Sequence[str]]], *, can_subset: bool = False
) -> Callable[[Callable[..., Any]], Declaration]:
    """One step that writes several tables from what is landed.

    Args:
        deps: Its tables, and the assets that each comes after.
        can_subset: Whether some of them can be written without the others.
    """

    def declare(compute: Callable[..., Any]) -> Declaration:
        def decorator(settings: Settings) -> Decorator:
            specs = [
                dg.AssetSpec(
                    table,
                    deps=before,
                    kinds={"python", "delta"},
                    code_version=lineage.code_version(table),
                    skippable=can_subset,
                    **common(table, settings),
                )
                for table, before in deps(settings).items()
            ]
            return dg.multi_asset(
                name=compute.__name__,
                specs=specs,
                can_subset=can_subset,
                backfill_policy=_backfill_policy(specs[0].partitions_def),
            )

        return Declaration(compute, decorator)

    return declare


def asset_where(is_wanted: Callable[[Settings], bool], **options: Any) -> Callable[[Callable[..., Any]], Declaration]:
    """An asset that is there only with settings that want it; options are those of `dg.asset`."""

    def declare(compute: Callable[..., Any]) -> Declaration:
        return Declaration(compute, lambda settings: dg.asset(**options) if is_wanted(settings) else None)

    return declare


def common(table: str, settings: Settings) -> dict[str, Any]:
    """Arguments of the table's asset or asset spec that the model and the settings decide."""
    model = TABLES[table]
    return {
        "group_name": model.layer,
        "description": model.comment,
        "owners": OWNERS,
        "tags": {"layer": model.layer, "domain": "listening"},
        "metadata": {
            "dagster/column_schema": dagster_schema(table),
            "dagster/io_manager_key": LAKE,
            "dagster/table_name": f"{model.layer}.{table}",
        },
        "partitions_def": partitions_of(model, settings),
    }


def _backfill_policy(partitions: dg.PartitionsDefinition | None) -> dg.BackfillPolicy | None:
    return dg.BackfillPolicy.single_run() if partitions else None


def _freshness_policy(table: str) -> dg.FreshnessPolicy | None:
    """People export their history a few times a year; what everything else follows from tells of it."""
    if table != "plays":
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=60), warn_window=timedelta(days=35))
