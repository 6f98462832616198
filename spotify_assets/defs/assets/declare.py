"""Declare assets: decorators record functions, and `build` creates Dagster's assets for given settings.

Attributes that all assets share are set here. Nothing depends on settings at import, so one process can hold
definitions for several settings, for example a monthly and a daily grain.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import dagster as dg

from spotify_assets.defs.assets.references import table_references
from spotify_assets.defs.partitions import partitions_of
from spotify_assets.defs.schema import dagster_schema
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings

OWNERS = ["team:listening-data"]
LAKE = "lake"
# As Dagster names libraries that have an icon.
LIBRARY_KINDS = {"scikit-learn": "scikitlearn"}

Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


@dataclass(frozen=True)
class Declaration:
    """A function that computes assets, recorded by a decorator.

    Attributes:
        compute: The function.
        decorator: Returns Dagster's decorator for some settings; None if the asset is not defined with these.
    """

    compute: Callable[..., Any]
    decorator: Callable[[Settings], Decorator | None]


def build(modules: Iterable[ModuleType], settings: Settings) -> list[dg.AssetsDefinition]:
    """Create the assets that modules declare, for some settings."""
    with warnings.catch_warnings():
        # Single-run backfills are "beta" in Dagster since 2023; a warning per asset would hide other warnings.
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
        decorated = (
            (declaration.decorator(settings), declaration.compute)
            for module in modules
            for declaration in _declarations(module)
        )
        return [decorate(compute) for decorate, compute in decorated if decorate]


def _declarations(module: ModuleType) -> Iterator[Declaration]:
    """Declarations that a module defines, without imported ones, in order."""
    for value in vars(module).values():
        if isinstance(value, Declaration) and value.compute.__module__ == module.__name__:
            yield value


def lake_table(compute: Callable[..., Any]) -> Declaration:
    """Declare a table of the lake that Spark computes; function and table have the same name.

    Parameters of the function are upstream tables or resources. Tables that it references by foreign keys are also
    upstream.
    """
    table = compute.__name__

    def decorator(settings: Settings) -> Decorator:
        options = shared_options(table, settings, compute)
        declared = dg.asset(
            name=table,
            kinds={LIBRARY_KINDS.get(TABLES[table].library or "", "spark"), "delta"},
            code_version=lineage.code_version(table),
            io_manager_key=LAKE,
            backfill_policy=_backfill_policy(options["partitions_def"]),
            deps=[name for name in TABLES[table].references if name not in lineage.upstreams(table)],
            freshness_policy=_freshness_policy(table),
            **options,
        )
        return lambda compute: declared(_noting_questions(compute))

    return Declaration(compute, decorator)


def _noting_questions(compute: Callable[..., Any]) -> Callable[..., Any]:
    """As `transforms.asking.noting_questions`, which is imported once the function is called."""

    @functools.wraps(compute)
    def noting(*args: Any, **options: Any) -> Any:
        from spotify_assets.transforms.asking import noting_questions

        return noting_questions(compute)(*args, **options)

    return noting


def landed_tables(
    deps: Callable[[Settings], Mapping[str, Sequence[str]]], *, can_subset: bool = False
) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare a step that writes several raw tables from the landing zone.

    Args:
        deps: Returns the step's tables with the upstream assets of each, for some settings.
        can_subset: Whether the step can write some of the tables without the others.
    """

    def declare(compute: Callable[..., Any]) -> Declaration:
        def decorator(settings: Settings) -> Decorator:
            specs = [
                dg.AssetSpec(
                    table,
                    deps=upstream,
                    kinds={"python", "delta"},
                    code_version=lineage.code_version(table),
                    skippable=can_subset,
                    **shared_options(table, settings, compute),
                )
                for table, upstream in deps(settings).items()
            ]
            return dg.multi_asset(
                name=compute.__name__,
                specs=specs,
                can_subset=can_subset,
                backfill_policy=_backfill_policy(specs[0].partitions_def),
            )

        return Declaration(compute, decorator)

    return declare


def asset_where(is_defined: Callable[[Settings], bool], **options: Any) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare an asset that is defined only for some settings.

    Args:
        is_defined: Whether the asset is defined, for some settings.
        options: Arguments of `dg.asset`.
    """

    def declare(compute: Callable[..., Any]) -> Declaration:
        return Declaration(compute, lambda settings: dg.asset(**options) if is_defined(settings) else None)

    return declare


def shared_options(table: str, settings: Settings, compute: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of `dg.asset` and `dg.AssetSpec` that follow from a table's model, its code and the settings."""
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
            **table_references(table, compute),
        },
        "partitions_def": partitions_of(model, settings),
    }


def _backfill_policy(partitions: dg.PartitionsDefinition | None) -> dg.BackfillPolicy | None:
    return dg.BackfillPolicy.single_run() if partitions else None


def _freshness_policy(table: str) -> dg.FreshnessPolicy | None:
    """Check the freshness of `plays` only: other tables follow from it. People export a few times a year."""
    if table != "plays":
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=60), warn_window=timedelta(days=35))
