"""Raw tables: landed files and responses, unchanged. They are written from Arrow, without the engine.

With credentials, the steps of tables that mirror the Web API first request and land new responses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.assets.declare import OWNERS, asset_where, landed_tables
from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.spotify import SpotifyResource
from spotify_assets.escaping import escape_controls
from spotify_assets.ingest.catalog_register import CATALOG_FILES
from spotify_assets.lake.commits import window_name, window_states
from spotify_assets.lake.tables import Lake, lake_of_process
from spotify_assets.landing.corrections import CORRECTIONS, correction_problems
from spotify_assets.landing.zone import LandingZone
from spotify_assets.lazy import lazy_module
from spotify_assets.model import TABLES
from spotify_assets.model.raw import CATALOG_COLUMNS, METADATA_TABLES
from spotify_assets.refresh.exports import exported_files
from spotify_assets.refresh.plan import LANDED_ONLY
from spotify_assets.settings import Settings
from spotify_assets.windows import windows_of

if TYPE_CHECKING:
    from spotify_assets.ingest import catalog, fetch, history, responses
    from spotify_assets.ingest.history_changes import UnusedFile
else:  # they import PyArrow and DuckDB
    catalog, fetch, history, responses = (
        lazy_module(f"spotify_assets.ingest.{name}") for name in ("catalog", "fetch", "history", "responses")
    )

MAX_NAMED = 20
# Metadata of `raw_files`, and the most files that it names.
UNUSED_FILES = "unused_files"
MAX_IN_TABLE = 200
SNAPSHOTS = ("raw_playlist_files", "raw_playlists")
CATALOG_TABLES = (CATALOG_FILES, *CATALOG_COLUMNS)


class NothingCapturedError(Exception):
    """No capture is landed for a day, and none could be requested."""


class PlaylistsConfig(dg.Config):
    """How playlists are captured.

    Attributes:
        refresh: Capture playlists again that were captured today already.
    """

    refresh: bool = False


def _may_request(context: dg.AssetExecutionContext, spotify: SpotifyResource) -> bool:
    """Whether this run may send requests to the Web API."""
    return spotify.is_configured and not LANDED_ONLY.items() <= context.run.tags.items()


def _results(
    context: dg.AssetExecutionContext,
    lake: Lake,
    tables: Sequence[str],
    mirrored: "responses.MirrorResult",
    **figures: Any,
) -> Iterator[dg.MaterializeResult]:
    for name, detail in list(mirrored.unreadable.items())[:MAX_NAMED]:
        context.log.warning(escape_controls(f"{name} can't be read: {detail}"))
    for table in tables:
        if dg.AssetKey(table) in context.selected_asset_keys:
            yield _mirror_result(lake, table, unreadable=len(mirrored.unreadable), **figures)


def _mirror_result(lake: Lake, table: str, **figures: Any) -> dg.MaterializeResult:
    delta = lake.ensure(table)
    metadata: dict[str, Any] = {
        "dagster/uri": lake.table_uri(table),
        "dagster/row_count": lake.count(table),
        "delta_version": delta.version(),
    }
    return dg.MaterializeResult(asset_key=table, metadata=metadata | figures)


@landed_tables(
    lambda settings: {"raw_plays": ["recent_plays"] if settings.apps else [], "raw_files": ["raw_plays"]},
)
def read_landing(
    context: dg.AssetExecutionContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
    """Reads new and changed files, drops records of deleted files, and lists all files."""
    lake = lake_of_process(settings.lake_uri)
    ingested = history.ingest(landing.zone, lake, settings, context.log.info)
    for unused in ingested.unused[:MAX_NAMED]:
        (context.log.info if unused.status == "ignored" else context.log.warning)(str(unused))
    context.log.info(f"Landing zone: {ingested.changes.summary()}; {ingested.records:,} records read")
    return (
        _mirror_result(lake, "raw_plays", records_read=ingested.records),
        _mirror_result(
            lake,
            "raw_files",
            changes=ingested.changes.summary(),
            unreadable=len(ingested.unreadable),
            **_unused_files(ingested.unused),
        ),
    )


def _unused_files(unused: "Sequence[UnusedFile]") -> dict[str, Any]:
    """Metadata on files that were not used: how many, and a table with the reason of each."""
    if not unused:
        return {"unused": 0}
    records = [
        dg.TableRecord({name: escape_controls(text) for name, text in asdict(file).items()})
        for file in unused[:MAX_IN_TABLE]
    ]
    return {"unused": len(unused), UNUSED_FILES: dg.MetadataValue.table(records)}


@landed_tables(lambda _: {table: ["raw_files"] for table in SNAPSHOTS}, can_subset=True)
def read_playlists(
    context: dg.AssetExecutionContext,
    config: PlaylistsConfig,
    landing: LandingResource,
    spotify: SpotifyResource,
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.MaterializeResult]:
    """Captures playlists if the run includes today, and reads the landed captures and exports of the run's days."""
    lake, keys = lake_of_process(settings.lake_uri), list(context.partition_keys)
    today = datetime.now(UTC).date()
    captured = fetch.CaptureResult()
    if f"{today}" in keys and settings.playlists and _may_request(context, spotify):
        captured = fetch.capture_playlists(
            spotify.client,
            landing.zone,
            settings,
            today,
            refresh=config.refresh,
            note=lambda line: context.log.info(escape_controls(line)),
        )
        for playlist, problem in captured.failed.items():
            context.log.warning(escape_controls(f"Playlist {playlist} was not captured: {problem}"))
    _require_captures(keys, captured, today, landing.zone, lake, settings)
    mirrored = responses.mirror_playlists(landing.zone, lake, settings, keys)
    for table, by_day in mirrored.rows_by_day.items():
        if dg.AssetKey(table) in context.selected_asset_keys:
            for key in keys:
                context.add_asset_metadata(
                    {"dagster/partition_row_count": by_day[key]}, asset_key=table, partition_key=key
                )
    yield from _results(
        context, lake, SNAPSHOTS, mirrored, captured=len(captured.landed), not_captured=len(captured.failed)
    )


def _require_captures(
    keys: Sequence[str],
    captured: "fetch.CaptureResult",
    today: date,
    landing: LandingZone,
    lake: Lake,
    settings: Settings,
) -> None:
    """Raise NothingCapturedError if the run is of a single day that has no capture, and never had one.

    Of a range, as "Materialize all" asks for, days without a capture are empty.
    """
    if len(keys) > 1 or any(landing.captures_on(date.fromisoformat(key)) for key in keys):
        return
    if set(keys) & {f"{file.day}" for file in exported_files(lake, settings)}:
        return
    windows = windows_of(TABLES["raw_playlist_files"], settings)
    if {window_name(windows[key]) for key in keys} & set(window_states(lake.open("raw_playlist_files"))):
        return
    [day] = keys
    if day != f"{today}":
        raise NothingCapturedError(
            f"{day}: no playlist was captured then, and Spotify returns only the current state. "
            f"If you have a capture, land it as playlists/{day}/<playlist id>.json"
        )
    if captured.failed:
        raise NothingCapturedError(f"{day}: no playlist could be captured: {next(iter(captured.failed.values()))}")
    raise NothingCapturedError(
        f"{day}: no playlists to capture; set SPOTIFY_ASSETS_PLAYLISTS, SPOTIPY_CLIENT_ID and "
        "SPOTIPY_CLIENT_SECRET, or land a capture"
    )


@landed_tables(
    lambda _: {table: ["monthly_content", "playlist_tracks"] for table in METADATA_TABLES.values()},
    can_subset=True,
)
def read_metadata(
    context: dg.AssetExecutionContext,
    landing: LandingResource,
    spotify: SpotifyResource,
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.MaterializeResult]:
    """Requests missing metadata of tracks, artists, albums and audio features, and reads landed responses."""
    lake = lake_of_process(settings.lake_uri)
    fetched = fetch.FetchResult()
    if _may_request(context, spotify):
        fetched = fetch.fetch_metadata(spotify.client, landing.zone, lake, settings, note=context.log.info)
        if fetched.stopped:
            context.log.warning(escape_controls(f"Stopped requesting metadata: {fetched.stopped}"))
        if fetched.refused:
            context.log.info(fetched.refusal)
    for kind, table in METADATA_TABLES.items():
        if dg.AssetKey(table) in context.selected_asset_keys:
            mirrored = responses.mirror_metadata(landing.zone, lake, settings, kind)
            yield from _results(
                context,
                lake,
                [table],
                mirrored,
                fetched=fetched.answers[kind],
                still_unknown=fetched.left[kind],
            )


@landed_tables(lambda _: {"raw_library": ["raw_files"]})
def read_library(
    context: dg.AssetExecutionContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult]:
    """Reads each listener's latest library."""
    lake = lake_of_process(settings.lake_uri)
    yield from _results(context, lake, ["raw_library"], responses.mirror_library(landing.zone, lake, settings))


@landed_tables(lambda _: {table: [] for table in CORRECTIONS}, can_subset=True)
def read_overrides(
    context: dg.AssetExecutionContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult]:
    """Reads the lines of what a person merges, excludes and says of genres; bad lines are skipped."""
    lake = lake_of_process(settings.lake_uri)
    problems = correction_problems(landing.zone)
    for problem in problems[:MAX_NAMED]:
        context.log.warning(escape_controls(f"{problem.path}: {problem.reason}"))
    for table, (path, _, _) in CORRECTIONS.items():
        if dg.AssetKey(table) in context.selected_asset_keys:
            responses.mirror_overrides(landing.zone, lake, settings, table)
            skipped = [escape_controls(problem.reason) for problem in problems if problem.path == path]
            yield _mirror_result(lake, table, lines_skipped=len(skipped), skipped="; ".join(skipped[:MAX_NAMED]))


@landed_tables(lambda _: {table: [] for table in CATALOG_TABLES}, can_subset=True)
def read_catalogue(
    context: dg.AssetExecutionContext, landing: LandingResource, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult]:
    """Reads new and changed catalogue files, and drops rows of deleted ones."""
    lake = lake_of_process(settings.lake_uri)
    mirrored = catalog.mirror_catalog(
        landing.zone, lake, settings, lambda line: context.log.info(escape_controls(line))
    )
    for name, detail in list(mirrored.unused.items())[:MAX_NAMED]:
        context.log.warning(escape_controls(f"{name} is not used: {detail}"))
    figures = {"files_read": mirrored.files, "files_deleted": mirrored.deleted, "unused": len(mirrored.unused)}
    for table in CATALOG_TABLES:
        if dg.AssetKey(table) in context.selected_asset_keys:
            yield _mirror_result(lake, table, **figures)


@asset_where(
    lambda settings: bool(settings.apps),
    group_name="raw",
    kinds={"spotify", "json"},
    owners=OWNERS,
    tags={"layer": "raw", "domain": "listening"},
    description="Plays since the last poll, landed below history/<SPOTIFY_ASSETS_LISTENER>/recent.",
)
def recent_plays(
    context: dg.AssetExecutionContext,
    landing: LandingResource,
    spotify: SpotifyResource,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    polled = fetch.poll_recent_plays(spotify.client, landing.zone, settings)
    context.log.info(escape_controls(str(polled)))
    if polled.may_have_gaps:
        context.log.warning("Spotify returns the last 50 plays only, and all of them are new: poll more often.")
    return dg.MaterializeResult(metadata={"plays": polled.plays, "files": len(polled.files)})
