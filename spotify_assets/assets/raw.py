"""Raw tables: landed files, read as they are. Written from Arrow; the engine starts after them."""

import dagster as dg

from spotify_assets import lineage
from spotify_assets.assets.declare import common
from spotify_assets.ingest import ingest
from spotify_assets.lake import Lake
from spotify_assets.resources import LandingResource
from spotify_assets.settings import Settings

MAX_NAMED = 20


def _spec(table: str, deps: list[str]) -> dg.AssetSpec:
    options = common(table)
    return dg.AssetSpec(
        table,
        deps=deps,
        kinds={"python", "delta"},
        code_version=lineage.reader_version(),
        skippable=False,
        **options,
    )


@dg.multi_asset(
    name="read_landing",
    specs=[_spec("raw_plays", []), _spec("raw_files", ["raw_plays"])],
)
def read_landing(
    context: dg.AssetExecutionContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
    """Reads new and changed files, drops what was deleted, and lists all of them."""
    lake = Lake(settings.lake_uri)
    ingested = ingest(landing, lake, settings, context.log.info)
    for name, detail in list(ingested.unreadable.items())[:MAX_NAMED]:
        context.log.warning(f"{name} can't be read: {detail}")
    context.log.info(f"Landing zone: {ingested.changes.summary()}; {ingested.records:,} records read")

    def result(table: str, **figures: int | str) -> dg.MaterializeResult:
        delta = lake.ensure(table)
        rows = sum(delta.get_add_actions(flatten=True)["num_records"].to_pylist())
        return dg.MaterializeResult(
            asset_key=table,
            metadata={
                "dagster/uri": lake.table_uri(table),
                "dagster/row_count": rows,
                "delta_version": delta.version(),
                **figures,
            },
        )

    return (
        result("raw_plays", records_read=ingested.records),
        result("raw_files", changes=ingested.changes.summary(), unreadable=len(ingested.unreadable)),
    )
