"""Checks of playlist snapshots that the model does not imply."""

from collections.abc import Iterator

import dagster as dg

from spotify_assets.defs.checks.queries import run_queries
from spotify_assets.defs.checks.records import MAX_NAMED, WARN, LakeResource
from spotify_assets.escaping import markdown_code


@dg.asset_check(
    asset="raw_playlist_files",
    name="unreadable_captures",
    description="Every landed capture of the run's days can be read.",
)
def unreadable_captures(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    queries = run_queries(["raw_playlist_files"], context, lake)
    captures = queries.rows("raw_playlist_files")
    broken = f"SELECT source_file, detail FROM {captures} WHERE status = 'unreadable' ORDER BY source_file"
    files = queries.ask(broken)
    named = "\n".join(f"- {markdown_code(file)}: {markdown_code(detail)}" for file, detail in files[:MAX_NAMED])
    more = f"\n- and {len(files) - MAX_NAMED:,} more" if len(files) > MAX_NAMED else ""
    return dg.AssetCheckResult(
        passed=not files, severity=WARN, description=(named + more) or None, metadata={"unreadable": len(files)}
    )


@dg.multi_asset_check(
    name="every_item_once",
    specs=[
        dg.AssetCheckSpec(
            "every_item_once",
            asset="playlist_tracks",
            additional_deps=["raw_playlists", "raw_playlist_files"],
            blocking=True,
            description="Every item of the captures of the run's days is in playlist_tracks exactly once.",
        )
    ],
)
def every_item_once(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
    counts = {"raw_playlist_files": "sum(items)", "raw_playlists": "count(*)", "playlist_tracks": "count(*)"}
    queries = run_queries([*counts], context, lake)
    captured, landed, kept = (
        int(queries.ask(f"SELECT {count} FROM {queries.rows(table)}")[0][0] or 0) for table, count in counts.items()
    )
    yield dg.AssetCheckResult(
        asset_key="playlist_tracks",
        check_name="every_item_once",
        passed=captured == landed == kept,
        description=None
        if captured == landed == kept
        else f"The captures have {captured:,} items, raw_playlists {landed:,} and playlist_tracks {kept:,}. "
        "Materialize these days again.",
        metadata={"captured": captured, "landed": landed, "kept": kept},
    )
