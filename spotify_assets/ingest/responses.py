"""Write landed responses of the Web API, and overrides, into the raw tables that mirror them; no request is sent."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.ingest.columns import Limits
from spotify_assets.ingest.library_rows import latest_libraries, library_rows
from spotify_assets.ingest.metadata_rows import metadata_rows
from spotify_assets.ingest.override_rows import override_table
from spotify_assets.ingest.playlist_rows import SnapshotRows, snapshot_rows
from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.model.raw import METADATA_TABLES
from spotify_assets.refresh import staleness
from spotify_assets.refresh.exports import ExportedFile
from spotify_assets.settings import Settings
from spotify_assets.spotify.reads import Kind
from spotify_assets.storage import StoredFile
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

KINDS: tuple[Kind, ...] = ("tracks", "albums", "artists", "audio_features")
MEGABYTE = 1_000_000


@dataclass
class MirrorResult:
    """Result of a run: number of rows written by table and day, and reasons why files couldn't be read, by path."""

    rows_by_day: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def mirror_playlists(landing: LandingZone, lake: Lake, settings: Settings, keys: Sequence[str]) -> MirrorResult:
    """Replace the days' rows of `raw_playlists` and `raw_playlist_files`, each table in one commit.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Start of snapshots, and the size limit of files.
        keys: Partition keys: consecutive days (UTC).
    """
    window_of = windows_of(TABLES["raw_playlists"], settings)
    span = span_of(keys, window_of)
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = {
        table: current.fingerprints(TABLES[table], [window_of[key] for key in keys])
        for table in ("raw_playlists", "raw_playlist_files")
    }
    captures = [
        capture
        for capture in current.captures("playlists")
        if capture.window and span.start <= capture.window.start < span.end
    ]
    exported: dict[StoredFile, list[ExportedFile]] = {}
    for file in current.exports():
        if span.start <= file.window.start < span.end:
            exported.setdefault(file.landed, []).append(file)
    read = _Snapshots()

    def items() -> Iterator[pa.RecordBatch]:
        """Read the files, once for each attempt to commit: the items of all days may not fit into memory."""
        read.clear()
        fetched = ((exported[file], opener) for file, opener in landing.fetch(exported))
        for day in snapshot_rows(landing.fetch(captures), fetched, _limits(settings)):
            read.add(day)
            yield from day.items.to_batches()

    _replace(lake, "raw_playlists", items, fingerprints["raw_playlists"], span)
    _write(lake, "raw_playlist_files", read.files(), fingerprints["raw_playlist_files"], span)
    return read.result()


class _Snapshots:
    """What is kept of the days that were read: the rows of their files, and the number of their items."""

    def __init__(self) -> None:
        self._files = [TABLES["raw_playlist_files"].arrow_schema.empty_table()]
        self._items_by_day: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget all days."""
        del self._files[1:]
        self._items_by_day.clear()

    def add(self, day: SnapshotRows) -> None:
        """Add a day."""
        self._files.append(day.files)
        self._items_by_day.update(_rows_by_day(day.items))

    def files(self) -> pa.Table:
        """Rows of `raw_playlist_files`."""
        return pa.concat_tables(self._files)

    def result(self) -> MirrorResult:
        """Rows by day, and why files couldn't be read."""
        files = self.files()
        unreadable = files.filter(pc.equal(files["status"], "unreadable"))
        return MirrorResult(
            {"raw_playlists": self._items_by_day, "raw_playlist_files": _rows_by_day(files)},
            dict(zip(unreadable["source_file"].to_pylist(), unreadable["detail"].to_pylist(), strict=True)),
        )


def _rows_by_day(rows: pa.Table) -> Counter[str]:
    counted = rows["snapshot_date"].value_counts()
    days, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    return Counter({f"{day}": count for day, count in zip(days, counts, strict=True)})


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_json_mb * MEGABYTE, settings.max_unzipped_mb * MEGABYTE)


def mirror_metadata(landing: LandingZone, lake: Lake, settings: Settings, kind: str) -> MirrorResult:
    """Replace the kind's table by the latest response for each id, in one commit."""
    table = METADATA_TABLES[kind]
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = current.fingerprints(TABLES[table], [])
    result = MirrorResult()
    landed = landing.fetch(current.captures(f"metadata/{kind}"))
    rows = metadata_rows(landed, kind, settings.max_json_mb * MEGABYTE, result.unreadable)
    _write(lake, table, rows, fingerprints, None)
    return result


def mirror_library(landing: LandingZone, lake: Lake, settings: Settings) -> MirrorResult:
    """Replace `raw_library` by what is in each listener's latest library, in one commit."""
    current = staleness.InputFingerprints(lake, settings)
    fingerprints = current.fingerprints(TABLES["raw_library"], [])
    result = MirrorResult()
    wanted = {file.landed: file for file in latest_libraries(current.exports())}
    libraries = ((wanted[file], opener) for file, opener in landing.fetch(wanted))
    _write(lake, "raw_library", library_rows(libraries, _limits(settings), result.unreadable), fingerprints, None)
    return result


def mirror_overrides(landing: LandingZone, lake: Lake, settings: Settings, table: str) -> None:
    """Replace a table of `landing.corrections.CORRECTIONS` by the lines of its file, in one commit.

    Raises:
        StorageError: The file can't be read now.
    """
    fingerprints = staleness.InputFingerprints(lake, settings).fingerprints(TABLES[table], [])
    _write(lake, table, override_table(landing, table), fingerprints, None)


def _write(lake: Lake, table: str, rows: pa.Table, fingerprints: dict[str, str], span: TimeWindow | None) -> None:
    """Replace the span's rows, or all, in one commit that records the fingerprints of its inputs."""
    _replace(lake, table, lambda: iter(rows.to_batches()), fingerprints, span)


def _replace(
    lake: Lake,
    table: str,
    rows: Callable[[], Iterator[pa.RecordBatch]],
    fingerprints: dict[str, str],
    span: TimeWindow | None,
) -> None:
    """As `_write`, with a function that returns the rows for an attempt to commit."""
    token = uuid4().hex
    lake.replace(
        table,
        rows,
        predicate=window_predicate(TABLES[table], span) if span else None,
        metadata=lambda current: commits.commit_metadata(current, token, fingerprints, span),
    )
