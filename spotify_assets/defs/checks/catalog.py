"""Checks of catalogue files that the model does not imply."""

import dagster as dg

from spotify_assets.defs.checks.queries import run_queries
from spotify_assets.defs.checks.records import WARN, LakeResource, records_digest, told_unreadable
from spotify_assets.escaping import markdown_code
from spotify_assets.settings import Settings


@dg.asset_check(
    asset="raw_catalog_files",
    name="unreadable_catalog_files",
    description="Every landed catalogue file that should hold data can be read.",
)
def unreadable_catalog_files(lake: LakeResource) -> dg.AssetCheckResult:
    return told_unreadable("raw_catalog_files", lake)


@dg.asset_check(
    asset="catalog_tracks_rejects",
    name="every_catalog_track_once",
    additional_deps=["catalog_tracks", "raw_catalog_tracks"],
    blocking=True,
    description="Every row of a catalogue file of tracks is in catalog_tracks or in catalog_tracks_rejects, once.",
)
def every_catalog_track_once(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    names = ("raw_catalog_tracks", "catalog_tracks", "catalog_tracks_rejects")
    queries = run_queries(names, context, lake)
    landed, joined, rejected = (records_digest(queries, queries.rows(name)) for name in names)
    is_complete = landed == tuple(a + b for a, b in zip(joined, rejected, strict=True))
    problem = (
        f"The rows in catalog_tracks ({joined[0]:,}) and catalog_tracks_rejects ({rejected[0]:,}) differ from the "
        f"{landed[0]:,} landed ones. Materialize both again; if that doesn't help: "
        "spotify-assets repair catalog_tracks catalog_tracks_rejects."
    )
    return dg.AssetCheckResult(
        passed=is_complete,
        description=None if is_complete else problem,
        metadata={"landed": landed[0], "joined": joined[0], "rejected": rejected[0]},
    )


@dg.asset_check(
    asset="catalogue_coverage",
    name="coverage_is_enough",
    additional_deps=["raw_catalog_files"],
    description="With catalogue files, what is known of any track (genre, release, length, features, popularity) is "
    "known of most listening time.",
)
def coverage_is_enough(lake: LakeResource, settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    # Without files it would ask for them in each sync.
    has_files = "read" in lake.lake.read("raw_catalog_files", ["status"])["status"].to_pylist()
    rows = lake.lake.read("catalogue_coverage").to_pylist() if has_files else []
    known = {row["attribute"] for row in rows if row["known_plays"]}
    low: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["listener"], row["attribute"])):
        share = row["ms_share"]
        if row["attribute"] in known and share is not None and share < settings.min_coverage:
            low.setdefault(row["listener"], []).append(f"{row['attribute']} {share:.0%}")
    told = "; ".join(f"{markdown_code(listener)}: {', '.join(shares)}" for listener, shares in low.items())
    problem = (
        f"Known of less than {settings.min_coverage:.0%} of listening time: {told}. More catalogue files in "
        "landing/catalog, or a lower SPOTIFY_ASSETS_MIN_COVERAGE, end this warning."
    )
    return dg.AssetCheckResult(
        passed=not low,
        severity=WARN,
        description=problem if low else None,
        metadata={"below": sum(map(len, low.values()))},
    )
