"""The lake's tables in other stores: an asset for each target and table, made from the model."""

from collections.abc import Iterator

import dagster as dg

from spotify_assets.defs.assets.declare import OWNERS
from spotify_assets.defs.schema import dagster_schema
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import CountingTarget, PublishResult, Target

GROUP = "published"


class PublishConfig(dg.Config):
    """How tables are published.

    Attributes:
        anew: Write all of each table, whatever the target holds.
    """

    anew: bool = False


def spec(target: Target, table: str) -> dg.AssetSpec:
    """The table there; those that it refers to come before it."""
    references = [[target.name, other] for other in TABLES[table].references if other in target.tables]
    return dg.AssetSpec(
        [target.name, table],
        deps=[table, *map(dg.AssetKey, references)],
        group_name=GROUP,
        description=TABLES[table].comment,
        kinds={target.name},
        owners=OWNERS,
        tags={"layer": TABLES[table].layer, "domain": "listening"},
        metadata={"dagster/column_schema": dagster_schema(table)},
    )


def published(target: Target) -> dg.AssetsDefinition:
    """A target's tables: one step that brings those that are picked up to date, and leaves what is."""

    @dg.multi_asset(
        name=f"publish_{target.name}",
        specs=[spec(target, table) for table in target.tables],
        can_subset=True,
        required_resource_keys={target.name, "settings"},
        description=f"Writes to {target.name} what it lacks: windows that changed, and whole tables without any.",
    )
    def publish(context: dg.AssetExecutionContext, config: PublishConfig) -> Iterator[dg.MaterializeResult]:
        store: Target = getattr(context.resources, target.name)
        lake = Lake(context.resources.settings.lake_uri)
        picked = {key.path[-1] for key in context.selected_asset_keys}
        written: dict[str, PublishResult] = {}
        for done in store.publish(lake, publishing.pending_refreshes(store, lake, picked, full=config.anew)):
            context.log.info(f"{target.name}: {done.refresh}, {done.rows:,} rows")
            written[done.refresh.table] = done
        for table in target.tables:
            if table in picked:
                yield _publish_result(target, table, written.get(table))

    return publish


def _publish_result(target: Target, table: str, done: PublishResult | None) -> dg.MaterializeResult:
    metadata: dict[str, str | int | float] = {"rows_written": 0, "replaced": "nothing"}
    if done is not None:
        spans = done.refresh.spans
        metadata = {
            "rows_written": done.rows,
            "replaced": "the whole table" if spans is None else ", ".join(map(str, spans)),
            "delta_version": done.refresh.version,
            **done.details,
        }
    return dg.MaterializeResult(asset_key=[target.name, table], metadata=metadata)


def same_rows(target: CountingTarget) -> dg.AssetChecksDefinition:
    """A check of each table there: it has as many rows as the lake's."""

    @dg.multi_asset_check(
        name=f"{target.name}_equals_the_lake",
        specs=[
            dg.AssetCheckSpec(
                "same_rows",
                asset=[target.name, table],
                description=f"{target.name} counts as many rows as the lake has.",
            )
            for table in target.tables
        ],
        can_subset=True,
        required_resource_keys={target.name, "settings"},
    )
    def equals_the_lake(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        store: CountingTarget = getattr(context.resources, target.name)
        lake = Lake(context.resources.settings.lake_uri)
        picked = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        # Of what the lake got meanwhile, the next run tells.
        late = {refresh.table for refresh in publishing.pending_refreshes(store, lake, picked)}
        for table, counted in store.counts([table for table in target.tables if table in picked - late]):
            expected = lake.count(table)
            yield dg.AssetCheckResult(
                asset_key=[target.name, table],
                check_name="same_rows",
                passed=counted.rows == expected,
                description=None
                if counted.rows == expected
                else f"{counted.rows:,} rows there, {expected:,} in the lake. "
                f"spotify-assets publish {target.name} fills it anew.",
                metadata={"rows": counted.rows, **counted.details},
            )

    return equals_the_lake
