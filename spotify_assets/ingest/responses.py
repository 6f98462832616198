"""Landed responses of the Web API into the tables that mirror them. Needs no API: the landing zone is the source."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pyarrow as pa

from spotify_assets.ingest.metadata_rows import metadata_rows, table_of
from spotify_assets.ingest.playlist_rows import snapshots
from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh import staleness
from spotify_assets.settings import Settings
from spotify_assets.spotify.reads import Kind
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

KINDS: tuple[Kind, ...] = ("tracks", "albums", "artists")
MEGABYTE = 1_000_000


@dataclass
class Mirrored:
    """What a run wrote: rows by table and day; and what could not be read, by file."""

    rows_by_day: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def mirror_playlists(landing: LandingZone, lake: Lake, settings: Settings, keys: Sequence[str]) -> Mirrored:
    """Write the days' snapshots into `raw_playlists` and `raw_playlist_files`, each in one commit.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Where snapshots start.
        keys: Partition keys: days that follow each other.
    """
    window_of = windows_of(TABLES["raw_playlists"], settings)
    span = span_of(keys, window_of)
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = {
        table: current.fingerprints(TABLES[table], [window_of[key] for key in keys])
        for table in ("raw_playlists", "raw_playlist_files")
    }
    within = [
        capture
        for capture in current.captures("playlists")
        if capture.window and span.start <= capture.window.start < span.end
    ]
    mirrored = Mirrored()
    files, items = snapshots(landing.fetch(within), settings.max_json_mb * MEGABYTE, mirrored.unreadable)
    for table, rows in (("raw_playlists", items), ("raw_playlist_files", files)):
        _write(lake, table, rows, fingerprints[table], span)
        mirrored.rows_by_day[table] = Counter(
            {str(day): count for day, count in zip(*_counted(rows["snapshot_date"]), strict=True)}
        )
    return mirrored


def _counted(values: pa.ChunkedArray) -> tuple[list[Any], list[int]]:
    counted = values.value_counts()
    return counted.field("values").to_pylist(), counted.field("counts").to_pylist()


def mirror_metadata(landing: LandingZone, lake: Lake, settings: Settings, kind: str) -> Mirrored:
    """Write the latest response for each id into the kind's table, in one commit."""
    table = table_of(kind)
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = current.fingerprints(TABLES[table], [])
    mirrored = Mirrored()
    landed = landing.fetch(current.captures(f"metadata/{kind}"))
    rows = metadata_rows(landed, kind, settings.max_json_mb * MEGABYTE, mirrored.unreadable)
    _write(lake, table, rows, fingerprints, None)
    return mirrored


def _write(lake: Lake, table: str, rows: pa.Table, fingerprints: dict[str, str], span: TimeWindow | None) -> None:
    """Replace the span's rows, or all, in a commit that tells what they were made from."""
    token = uuid4().hex
    lake.replace(
        table,
        lambda: iter(rows.to_batches()),
        predicate=window_predicate(TABLES[table], span) if span else None,
        metadata=lambda current: commits.commit_metadata(current, token, fingerprints, span),
    )
