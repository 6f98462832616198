"""Jobs: landed files into raw tables, those into everything else, and what asks the Web API."""

import dagster as dg

from spotify_assets.ingest.metadata_rows import table_of
from spotify_assets.ingest.responses import KINDS
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage


def _refreshed(partitioning: str) -> dg.AssetSelection:
    """Tables with these partitions, and those without any: Dagster allows one kind a job."""
    tables = (table for table in lineage.refreshed_tables() if TABLES[table].partitioning in (partitioning, None))
    return dg.AssetSelection.assets(*tables)


read_history = dg.define_asset_job(
    "read_history",
    selection=dg.AssetSelection.assets("raw_plays", "raw_files"),
    description="Reads what is new or changed in the landing zone into raw_plays and raw_files.",
)

refresh_tables = dg.define_asset_job(
    "refresh_tables",
    selection=_refreshed(PLAYS),
    description="Computes a range of months of plays, and everything that depends on them.",
)

refresh_playlists = dg.define_asset_job(
    "refresh_playlists",
    selection=_refreshed(SNAPSHOTS),
    description="Reads a range of days of landed playlist captures, and computes everything that depends on them.",
)

publish_tables = dg.define_asset_job(
    "publish_tables",
    selection=dg.AssetSelection.groups("published"),
    description="Writes to every configured target what it lacks of the lake.",
)

# By what the tables of a run are partitioned by.
REFRESH = {PLAYS: refresh_tables, SNAPSHOTS: refresh_playlists, None: refresh_tables}

capture_playlists = dg.define_asset_job(
    "capture_playlists",
    selection=dg.AssetSelection.assets("raw_playlist_files", "raw_playlists"),
    description="Captures the playlists of SPOTIFY_ASSETS_PLAYLISTS as they are today.",
)

fetch_metadata = dg.define_asset_job(
    "fetch_metadata",
    selection=dg.AssetSelection.assets(*map(table_of, KINDS)),
    description="Asks for metadata and artwork of what is most played and not known yet, within the budget.",
)

poll_recent_plays = dg.define_asset_job(
    "poll_recent_plays",
    selection=dg.AssetSelection.assets("recent_plays"),
    description="Lands the plays since the last poll; landing_sensor has them read.",
)


@dg.op(
    description="Makes large files of small ones, and removes what no version of late needs.",
    required_resource_keys={"lake"},
)
def compact_and_vacuum(context: dg.OpExecutionContext) -> None:
    done = context.resources.lake.frames.maintain(lambda maintained: context.log.info(str(maintained)))
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


@dg.job(description="Compacts and vacuums every table of the lake; safe beside other runs.")
def maintain_tables() -> None:
    compact_and_vacuum()


# There only where credentials are set.
ASK_SPOTIFY = [capture_playlists, fetch_metadata, poll_recent_plays]
