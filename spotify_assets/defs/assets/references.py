"""Where Dagster's UI leads from an asset: its code, its page in the dashboard, the columns that its columns copy.

All of it is known without a run.
"""

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from spotify_assets.refresh import lineage

DASHBOARD = "http://localhost:3001"
# Page that shows the rows of a table, by table.
PAGES = {
    "rejected_plays": "/rejected",
    "raw_files": "/trust",
    "raw_plays": "/trust",
    "raw_exclusions": "/trust",
    "raw_merges": "/trust",
    "plays": "/",
    "fct_plays": "/",
    "daily_listening": "/",
    "hourly_listening": "/time",
    "listening_clock": "/time",
    "listening_sessions": "/time",
    "listening_streaks": "/time",
    "milestones": "/time",
    "records": "/time",
    "period_listening": "/",
    "coverage_gaps": "/trust",
    "catalogue_coverage": "/trust",
    "top_charts": "/charts",
    "track_metrics": "/charts",
    "artist_metrics": "/charts",
    "album_metrics": "/charts",
    "discoveries": "/discovery",
    "discovery_cohorts": "/discovery",
    "genre_trends": "/taste",
    "era_activity": "/taste",
    "audio_profile": "/taste",
    "listening_behaviour": "/behaviour",
    "play_lengths": "/behaviour",
    "listening_places": "/behaviour",
    "trips": "/behaviour",
    "dim_playlist": "/playlists",
    "fct_playlist_tracks": "/playlists",
    "playlist_changes": "/playlists",
    "playlist_track_tenure": "/playlists",
    "playlist_impact": "/playlists",
    "playlist_metrics": "/playlists",
    "playlist_overlap": "/playlists",
    "show_metrics": "/spoken",
    "episode_metrics": "/spoken",
    "listener_affinity": "/people",
}


def table_references(table: str, compute: Callable[..., Any]) -> dict[str, Any]:
    """Metadata of a table of the lake: its code, its page if it has one, and the columns that it copies.

    Args:
        table: The table.
        compute: The function that its asset calls.
    """
    copied = lineage.copied_columns(table)
    return {
        "dagster/code_references": _code_references(
            {"the code of its rows": lineage.source(table), "its asset": _place_of(compute)}
        ),
        **({"dashboard": dg.MetadataValue.url(DASHBOARD + PAGES[table])} if table in PAGES else {}),
        **({"dagster/column_lineage": _column_lineage(copied)} if copied else {}),
    }


def target_references(target: object) -> dict[str, Any]:
    """Metadata of the tables of a target: its code."""
    return {"dagster/code_references": _code_references({"its target": (Path(inspect.getfile(type(target))), 1)})}


def _column_lineage(copied: "lineage.CopiedColumns") -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(dg.AssetKey(table), column)] for name, (table, column) in copied.items()}
    )


def _place_of(function: Callable[..., Any]) -> tuple[Path, int]:
    """File and line of a function; `inspect.getsourcelines` would parse the file."""
    return Path(function.__code__.co_filename), function.__code__.co_firstlineno


def _code_references(places: dict[str, tuple[Path, int]]) -> dg.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*CodeReference.*")
        return dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=label)
                for label, (file, line) in places.items()
            ]
        )
