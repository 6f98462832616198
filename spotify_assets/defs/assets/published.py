"""Published tables: an asset for each target and table, derived from the model."""

from collections.abc import Iterator

import dagster as dg

from spotify_assets.defs.assets.declare import OWNERS
from spotify_assets.defs.assets.references import target_references
from spotify_assets.defs.schema import dagster_schema
from spotify_assets.lake.tables import lake_of_process
from spotify_assets.model import TABLES
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import NOTE, CountingTarget, PublishResult, Target

GROUP = "published"


class PublishConfig(dg.Config):
    """How tables are published.

    Attributes:
        anew: Write each table completely, even if the target is up to date.
    """

    anew: bool = False


def published_spec(target: Target, table: str) -> dg.AssetSpec:
    """Spec of a published table; published tables that it references are upstream."""
    references = [[target.name, other] for other in TABLES[table].references if other in target.tables]
    return dg.AssetSpec(
        [target.name, table],
        deps=[table, *map(dg.AssetKey, references)],
        group_name=GROUP,
        description=TABLES[table].comment,
        kinds={target.name},
        owners=OWNERS,
        tags={"layer": TABLES[table].layer, "domain": "listening"},
        metadata={
            "dagster/column_schema": dagster_schema(table),
            "dagster/table_name": table,
            **target_references(target),
        },
    )


def published(target: Target) -> dg.AssetsDefinition:
    """A step that brings the selected tables of a target up to date; unchanged ones are not written."""

    @dg.multi_asset(
        name=f"publish_{target.name}",
        specs=[published_spec(target, table) for table in target.tables],
        can_subset=True,
        required_resource_keys={target.name, "settings"},
        description=f"Writes changes to {target.name}: changed windows of partitioned tables, others as a whole.",
    )
    def publish(context: dg.AssetExecutionContext, config: PublishConfig) -> Iterator[dg.MaterializeResult]:
        store: Target = getattr(context.resources, target.name)
        lake = lake_of_process(context.resources.settings.lake_uri)
        selected = {key.path[-1] for key in context.selected_asset_keys}
        written: dict[str, PublishResult] = {}
        for done in store.publish(lake, publishing.pending_refreshes(store, lake, selected, full=config.anew)):
            context.log.info(f"{target.name}: {done.refresh}, {done.rows:,} rows")
            written[done.refresh.table] = done
            if NOTE in done.details:
                context.log.warning(str(done.details[NOTE]))
        counts = lake.for_each((table for table in target.tables if table in selected), lake.recent_count)
        for table, rows in counts.items():
            yield _publish_result(target, table, rows, written.get(table))

    return publish


def _publish_result(target: Target, table: str, rows: int, done: PublishResult | None) -> dg.MaterializeResult:
    metadata: dict[str, str | int | float] = {"rows_written": 0, "replaced": "nothing"}
    if done is not None:
        spans = done.refresh.spans
        metadata = {
            "rows_written": done.rows,
            "replaced": "the whole table" if spans is None else ", ".join(map(str, spans)),
            "delta_version": done.refresh.version,
            **done.details,
        }
    return dg.MaterializeResult(asset_key=[target.name, table], metadata={"dagster/row_count": rows, **metadata})


def same_rows(target: CountingTarget) -> dg.AssetChecksDefinition:
    """Checks that each table of a target has as many rows as the lake's."""

    @dg.multi_asset_check(
        name=f"{target.name}_equals_the_lake",
        specs=[
            dg.AssetCheckSpec(
                "same_rows",
                asset=[target.name, table],
                description=f"The table in {target.name} has as many rows as the lake's.",
            )
            for table in target.tables
        ],
        can_subset=True,
        required_resource_keys={target.name, "settings"},
    )
    def equals_the_lake(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        store: CountingTarget = getattr(context.resources, target.name)
        lake = lake_of_process(context.resources.settings.lake_uri)
        selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        # Tables that changed in the lake meanwhile are checked by the next run.
        changed = {
            refresh.table for refresh in publishing.pending_refreshes(store, lake, selected, compare_rows=False)
        }
        unchanged = [table for table in target.tables if table in selected - changed]
        rows = lake.for_each(unchanged, lake.recent_count)
        for table, counted in store.counts(unchanged):
            expected = rows[table]
            yield dg.AssetCheckResult(
                asset_key=[target.name, table],
                check_name="same_rows",
                passed=counted.rows == expected,
                description=None
                if counted.rows == expected
                else f"{counted.rows:,} rows in {target.name}, {expected:,} in the lake. "
                f"To write all tables again: spotify-assets publish {target.name}",
                metadata={"rows": counted.rows, **counted.details},
            )

    return equals_the_lake
