"""Jobs: read landed files, refresh stale tables, publish, maintain, write reports, and ask the Web API."""

import dagster as dg

from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.model.raw import METADATA_TABLES
from spotify_assets.refresh import lineage


def _refreshed(partitioning: str) -> dg.AssetSelection:
    """Tables with these partitions and unpartitioned tables; Dagster allows one partitions definition per job."""
    tables = (table for table in lineage.refreshed_tables() if TABLES[table].partitioning in (partitioning, None))
    return dg.AssetSelection.assets(*tables)


read_history = dg.define_asset_job(
    "read_history",
    selection=dg.AssetSelection.assets("raw_plays", "raw_files"),
    description="Reads new and changed files of the landing zone into raw_plays and raw_files.",
)

refresh_tables = dg.define_asset_job(
    "refresh_tables",
    selection=_refreshed(PLAYS),
    description="Computes a range of months of plays and all tables that depend on them.",
)

refresh_playlists = dg.define_asset_job(
    "refresh_playlists",
    selection=_refreshed(SNAPSHOTS),
    description="Reads landed playlist captures of a range of days, and computes all tables that depend on them.",
)

publish_tables = dg.define_asset_job(
    "publish_tables",
    selection=dg.AssetSelection.groups("published"),
    description="Writes changed windows and tables of the lake to every configured target.",
)

# By `PlannedRun.partitioning`.
REFRESH = {PLAYS: refresh_tables, SNAPSHOTS: refresh_playlists, None: refresh_tables}

write_reports = dg.define_asset_job(
    "write_reports",
    selection=dg.AssetSelection.assets("listening_report"),
    description="Writes the recap of each listener and year as an HTML file, where its content changed.",
)

capture_playlists = dg.define_asset_job(
    "capture_playlists",
    selection=dg.AssetSelection.assets("raw_playlist_files", "raw_playlists"),
    description="Captures today's state of the playlists of SPOTIFY_ASSETS_PLAYLISTS.",
)

fetch_metadata = dg.define_asset_job(
    "fetch_metadata",
    selection=dg.AssetSelection.assets(*METADATA_TABLES.values()),
    description="Requests missing metadata and artwork from the Web API, most played first, within the budget.",
)

poll_recent_plays = dg.define_asset_job(
    "poll_recent_plays",
    selection=dg.AssetSelection.assets("recent_plays"),
    description="Lands the plays since the last poll; landing_sensor then starts a sync.",
)


@dg.op(
    description="Compacts small files into large ones, and deletes files of versions past their retention.",
    required_resource_keys={"lake"},
)
def compact_and_vacuum(context: dg.OpExecutionContext) -> None:
    from spotify_assets.targets.duckdb_file import Warehouse

    frames = context.resources.lake.frames
    warehouse = Warehouse(frames.settings.warehouse)
    warehouse.refresh_views(frames.lake)
    done = frames.maintain(lambda maintained: context.log.info(str(maintained)))
    warehouse.refresh_views(frames.lake)
    tables = [
        dg.TableRecord(
            {
                "table": one.table,
                "files before": one.before.files,
                "files after": one.after.files,
                "bytes before": one.before.bytes,
                "bytes after": one.after.bytes,
            }
        )
        for one in done
    ]
    total = {
        "files_before": sum(one.before.files for one in done),
        "files_after": sum(one.after.files for one in done),
        "bytes_before": sum(one.before.bytes for one in done),
        "bytes_after": sum(one.after.bytes for one in done),
    }
    context.add_output_metadata(total | ({"tables": dg.MetadataValue.table(tables)} if tables else {}))


@dg.job(description="Compacts and vacuums every table of the lake; may run at the same time as other jobs.")
def maintain_tables() -> None:
    compact_and_vacuum()


# Defined only if credentials for the Web API are set.
WEB_API = [capture_playlists, fetch_metadata, poll_recent_plays]
