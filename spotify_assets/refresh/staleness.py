"""Find stale windows and tables: those whose inputs have another fingerprint than at the last write."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from deltalake import DeltaTable

from spotify_assets.lake.commits import EMPTY, WHOLE, TableState, version_number, window_name, window_states
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import CORRECTIONS, correction_rows
from spotify_assets.landing.zone import CATALOG, PLAYLISTS, Capture, LandingZone
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES, LakeTable
from spotify_assets.model.raw import EVERY_LISTENER, EXPORTS, LIBRARY, SOURCE_RANKS
from spotify_assets.readers.clock import CLOCK_SKEW
from spotify_assets.refresh import lineage, repair
from spotify_assets.refresh.clock import was_read_by_another_clock
from spotify_assets.refresh.exports import ExportedFile, exported_files
from spotify_assets.settings import Settings
from spotify_assets.windows import (
    REPORTED_AFTER,
    REPORTED_AFTER_CORRECTED,
    REPORTED_BEFORE,
    TimeWindow,
    reported_span,
    windows,
    windows_of,
)

# In the place of a library's version.
MISSING = "missing"


@dataclass(frozen=True)
class ListedFile:
    """The columns of a row of `raw_files` that decide which windows of plays depend on the file (times in UTC)."""

    listener: str
    source_file: str
    loaded_at: datetime
    first_reported_at: datetime | None
    last_reported_at: datetime | None
    first_played_at: datetime | None
    last_played_at: datetime | None
    has_undated: bool
    records: int
    is_finest: bool = True
    last_corrected_reported_at: datetime | None = None


@dataclass
class InputFingerprints:
    """Fingerprints of the current inputs. Each table's state and the landing zone are read once."""

    lake: Lake
    settings: Settings

    def __post_init__(self) -> None:
        self._states: dict[str, TableState] = {}
        self._files: list[ListedFile] | None = None
        self._captures: dict[str, list[Capture]] = {}
        self._catalog_files: list[dict[str, Any]] | None = None
        self._exports: list[ExportedFile] | None = None

    def inspect(self, tables: Iterable[str]) -> dict[str, DamagedTableError]:
        """Open these tables and return those that are damaged; their state is that of tables never written."""
        inspected = self.lake.inspect(tables)

        def read(table: str) -> TableState | DamagedTableError:
            found = inspected[table]
            if isinstance(found, DamagedTableError):
                return found
            try:
                return window_states(found)
            except DamagedTableError as error:
                return error

        states = self.lake.for_each(inspected, read)
        damaged = {table: state for table, state in states.items() if isinstance(state, DamagedTableError)}
        self._states |= {
            table: {} if isinstance(state, DamagedTableError) else state for table, state in states.items()
        }
        return damaged

    def read_states(self, tables: Iterable[str], opened: Callable[[str], DeltaTable | None]) -> None:
        """Read the states of these tables, as opened by this function; in S3, several at once."""
        self._states |= self.lake.for_each(tables, lambda table: window_states(opened(table)))

    def inspect_clock(self, tables: Iterable[str], now: datetime) -> dict[str, DamagedTableError]:
        """Those of these tables that have rows of windows beyond the clock, which was ahead when they were written.

        No run computes such a window until its time has come, and other tables would go on reading it.
        """
        latest = f"{now + CLOCK_SKEW:%Y-%m-%d}"
        damaged = {}
        for table in tables:
            # What was reset has no fingerprint.
            kept = [name for name, written in self.state(table).items() if written.fingerprint not in (None, EMPTY)]
            starts = [name.partition("/")[0] for name in kept if name != WHOLE]
            if beyond := [start for start in starts if start > latest]:
                self._states[table] = {}
                what = f"it has rows of {min(beyond)}, and this machine's clock is at {now:%Y-%m-%d}"
                damaged[table] = DamagedTableError(table, what, is_readable=True)
        return damaged

    def state(self, table: str) -> TableState:
        """State of each window of a table, by window name."""
        if table not in self._states:
            self._states[table] = window_states(self.lake.open(table))
        return self._states[table]

    def lacks_driver(self, table: str) -> bool:
        """Whether an unpartitioned metric has no rows, as its first input was never written. Others only add to it."""
        model = TABLES[table]
        return model.layer == "metrics" and not model.is_partitioned and not self.state(lineage.upstreams(table)[0])

    def files(self) -> list[ListedFile]:
        """Landed history files; see `listed_files`."""
        if self._files is None:
            self._files = listed_files(self.lake)
        return self._files

    def exports(self) -> list[ExportedFile]:
        """Landed exports of playlists and libraries; see `exported_files`."""
        if self._exports is None:
            self._exports = exported_files(self.lake, self.settings, self.catalog_files())
        return self._exports

    def catalog_files(self) -> list[dict[str, Any]]:
        """Rows of `raw_catalog_files`; its file isn't opened if it was never written."""
        if self._catalog_files is None:
            is_written = bool(self.state("raw_catalog_files"))
            self._catalog_files = self.lake.rows("raw_catalog_files") if is_written else []
        return self._catalog_files

    def captures(self, folder: str) -> list[Capture]:
        """Landed responses below a folder of the landing zone."""
        if folder not in self._captures:
            landing = LandingZone(self.settings.landing_uri)
            repair.require_landing_zone(landing, self.lake)
            self._captures[folder] = list(landing.captures(folder))
        return self._captures[folder]

    def fingerprints(self, table: LakeTable, windows: Iterable[TimeWindow]) -> dict[str, str]:
        """Fingerprint of the inputs, code and settings of each window, by window name.

        A window without inputs has the fingerprint `EMPTY`, except the one window (`WHOLE`) of a dimension, which has
        an unknown member.
        """
        upstreams = lineage.upstreams(table.name)
        # A lake without catalogue files or playlists pays nothing for what follows from them.
        has_rows_without_inputs = table.layer == "dimensions" and table.landed_folder is None
        if table.layer == "cleaned" and not table.is_partitioned:
            upstreams = tuple(upstream for upstream in upstreams if self.state(upstream))
        elif self.lacks_driver(table.name):
            upstreams = ()
        if table.name in CORRECTIONS:
            inputs = self._from_overrides(table.name)
        elif table.landed_folder == EXPORTS:
            inputs = {WHOLE: [file.version for file in self.exports() if file.kind == LIBRARY]}
        elif table.landed_folder is not None:
            inputs = self._from_captures(table.landed_folder, list(windows))
        elif not table.is_partitioned:
            inputs = {WHOLE: [f"{upstream}@{self._last_version(upstream)}" for upstream in upstreams]}
        elif "raw_plays" in upstreams:
            inputs = self._from_files(list(windows), self._exclusions() if "raw_exclusions" in upstreams else [])
        else:
            names = map(window_name, windows)
            inputs = {name: self._from_windows(upstreams, name) for name in names}
        code = [lineage.code_version(table.name), lineage.row_settings(table.name, self.settings)]
        if table.library:
            code.append(f"{table.library} {installed_version(table.library)}")
        return {
            name: _hash_inputs([*code, *parts]) if parts or has_rows_without_inputs else EMPTY
            for name, parts in inputs.items()
        }

    def _from_overrides(self, table: str) -> dict[str, list[str]]:
        """The ids of all lines, which are hashes: a note that changes, or the order of lines, changes nothing."""
        landing = LandingZone(self.settings.landing_uri)
        repair.require_landing_zone(landing, self.lake)
        return {WHOLE: [next(iter(row.values())) for row in correction_rows(landing, table)]}

    def _exclusions(self) -> list[dict[str, Any]]:
        """Rows of `raw_exclusions`; its file isn't opened if it was never written."""
        return self.lake.rows("raw_exclusions") if self.state("raw_exclusions") else []

    def _from_files(self, windows: list[TimeWindow], exclusions: list[dict[str, Any]]) -> dict[str, list[str]]:
        windows = sorted(windows)
        inputs: list[list[str]] = [[] for _ in windows]
        listeners: list[set[str]] = [set() for _ in windows]
        for file, number in deciding_files(self.files(), windows):
            inputs[number].append(f"{file.source_file}@{file.loaded_at.isoformat()}")
            listeners[number].add(file.listener)
        for line in sorted(exclusions, key=lambda line: str(line["exclusion_id"])):
            for number, window in enumerate(windows):
                is_concerned = listeners[number] and line["listener"] in (EVERY_LISTENER, *listeners[number])
                if is_concerned and _excludes_from(line, window):
                    inputs[number].append(f"without {line['exclusion_id']}")
        return {window_name(window): parts for window, parts in zip(windows, inputs, strict=True)}

    def _from_captures(self, folder: str, windows: list[TimeWindow]) -> dict[str, list[str]]:
        by_window: dict[str, list[str]] = {window_name(window): [] for window in windows} or {WHOLE: []}
        largest = self.settings.max_json_mb * 1_000_000
        for capture in self.captures(folder):
            name = window_name(capture.window) if capture.window else WHOLE
            if name in by_window:
                refused = "@too large" if capture.size > largest else ""
                tag = f"@{capture.etag}" if capture.etag else ""
                by_window[name].append(f"{capture.path}@{capture.size}@{capture.landed_at.isoformat()}{tag}{refused}")
        for file in self.exports() if folder == PLAYLISTS else ():
            if (name := window_name(file.window)) in by_window:
                by_window[name].append(file.version)
        return by_window

    def _from_windows(self, upstreams: Iterable[str], window: str) -> list[str]:
        return [
            f"{upstream}@{self.state(upstream)[window].version}"
            for upstream in upstreams
            if window in self.state(upstream)
        ]

    def _last_version(self, table: str) -> str:
        versions = {written.version for written in self.state(table).values()}
        return max(versions, key=version_number, default="nothing")


def installed_version(distribution: str) -> str:
    """Version of an installed distribution; `MISSING` where it isn't installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return MISSING


def deciding_files(files: Iterable[ListedFile], windows: Sequence[TimeWindow]) -> Iterator[tuple[ListedFile, int]]:
    """Files that decide what is kept of a window, with the window's number, in order of `source_file`.

    That are the files of a listener who has plays in the window which report in it, a day earlier, or 2 days later;
    where plays in it were reported late, also files of the finest sources that report until 2 days after those.

    Args:
        files: Landed files.
        windows: Windows in order of time that don't overlap.
    """
    starts, ends = [window.start for window in windows], [window.end for window in windows]

    def meeting(first: datetime | None, last: datetime | None, has_undated: bool) -> set[int]:
        is_undated = has_undated and bool(windows) and windows[0].is_first
        within = range(bisect_right(ends, first), bisect_right(starts, last)) if first and last else ()
        return {*within, *((0,) if is_undated else ())}

    files = sorted(files, key=lambda file: file.source_file)
    # What has no plays is empty, whatever is reported around it.
    until: dict[tuple[str, int], datetime] = {}
    for file in files:
        for number in meeting(file.first_played_at, file.last_played_at, file.has_undated):
            bound = ends[number] + REPORTED_AFTER
            if late := file.last_corrected_reported_at:
                bound = max(bound, min(late + REPORTED_AFTER, ends[number] + REPORTED_AFTER_CORRECTED))
            key = file.listener, number
            until[key] = max(bound, until.get(key, bound))
    for file in files:
        # A record of a coarser source decides nothing of what is reported later than it.
        after = REPORTED_AFTER_CORRECTED if file.is_finest else REPORTED_AFTER
        first, last = file.first_reported_at, file.last_reported_at
        from_, to = (first - after, last + REPORTED_BEFORE) if first and last else (None, None)
        for number in sorted(meeting(from_, to, file.has_undated)):
            decided_until = until.get((file.listener, number))
            has_undated = file.has_undated and windows[number].is_first
            if decided_until and (first is None or first < decided_until or has_undated):
                yield file, number


def _excludes_from(line: Mapping[str, Any], window: TimeWindow) -> bool:
    """Whether a line of `raw_exclusions` can exclude plays that decide what is kept of the window."""
    start, end, span = line["excluded_from"], line["excluded_until"], reported_span(window)
    # A play may be reported a month late, and its exclusion decides by which record another one is told.
    return (start is None or start < span.end) and (end is None or end > span.start - timedelta(days=32))


def _hash_inputs(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Stale:
    """What is stale.

    Attributes:
        windows: Stale partition keys by partitioned table, in order of time.
        whole: Stale unpartitioned tables.
        empty_days: Partition keys of days for which no snapshot is landed or in the lake.
        records: Estimated number of landed plays by partition key, as if the records of a file were spread evenly
            over its time.
        damaged: Damaged tables, by name; to be reset by `repair.reset_damaged` before they are computed.
    """

    windows: dict[str, list[str]]
    whole: list[str]
    empty_days: set[str]
    records: Mapping[str, float]
    damaged: Mapping[str, DamagedTableError] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.windows or self.whole or self.damaged)

    def keys(self, partitioning: str) -> list[str]:
        """Partition keys of `PLAYS` or `SNAPSHOTS` for which any table is stale, in order of time."""
        of_kind = (keys for table, keys in self.windows.items() if TABLES[table].partitioning == partitioning)
        return sorted({key for keys in of_kind for key in keys})


def listed_files(lake: Lake) -> list[ListedFile]:
    """Files in `raw_files` that have records."""
    columns = [
        "listener", "source_file", "loaded_at", "first_reported_at", "last_reported_at", "first_played_at",
        "last_played_at", "undated_records", "records", "source_format", "last_corrected_reported_at",
    ]  # fmt: skip
    return [
        ListedFile(
            row["listener"],
            row["source_file"],
            row["loaded_at"],
            row["first_reported_at"],
            row["last_reported_at"],
            row["first_played_at"],
            row["last_played_at"],
            row["undated_records"] > 0,
            row["records"],
            SOURCE_RANKS.get(row["source_format"], 1) == 1,
            row["last_corrected_reported_at"],
        )
        for row in lake.rows("raw_files", columns)
        if row["records"]
    ]


def stale(lake: Lake, settings: Settings, now: datetime | None = None) -> Stale:
    """Find what has to be computed so that every table is up to date with `raw_files` and the landed responses.

    A window is stale if its fingerprint has changed, if an upstream window is stale, if it overlaps a window of
    another grain that was written earlier, or if its table is damaged. Catalogue files are stale, too, if one was read
    by another clock; see `refresh.clock`.

    Args:
        lake: The lake.
        settings: Start and grain of partitions, and the settings that rows depend on.
        now: Current time, up to which there are partitions.

    Raises:
        DamagedTableError: `raw_files` is damaged.
    """
    current = InputFingerprints(lake, settings)
    now = now or datetime.now(UTC)
    damaged = current.inspect(lineage.refreshed_tables())
    damaged |= current.inspect_clock(
        (table for table in lineage.refreshed_tables() if TABLES[table].is_partitioned and table not in damaged), now
    )
    keys = {
        kind: {window_name(window): key for key, window in windows(kind, settings, now).items()}
        for kind in (SNAPSHOTS, PLAYS)
    }
    empty_days = set(keys[SNAPSHOTS])
    stale_windows: dict[str, set[str]] = {}
    stale_tables: set[str] = set()
    for table in lineage.refreshed_tables():
        model = TABLES[table]
        state = current.state(table)
        stale_upstreams = [upstream for upstream in lineage.upstreams(table) if upstream in stale_tables]
        kind = model.partitioning
        if kind is None:
            fingerprint = current.fingerprints(model, [])[WHOLE]
            if current.lacks_driver(table) and lineage.upstreams(table)[0] not in stale_upstreams:
                stale_upstreams = []
            is_changed = (state[WHOLE].fingerprint if WHOLE in state else EMPTY) != fingerprint
            if model.landed_folder == CATALOG:
                is_changed = is_changed or was_read_by_another_clock(current.catalog_files(), now)
            if stale_upstreams or is_changed:
                stale_tables.add(table)
            continue
        every = list(windows_of(model, settings, now).values())
        inherited = {name for upstream in stale_upstreams for name in stale_windows.get(upstream, ())}
        fingerprints = current.fingerprints(model, every)
        written = {name: state[name].fingerprint if name in state else EMPTY for name in fingerprints}
        changed = {name for name, fingerprint in fingerprints.items() if written[name] != fingerprint}
        changed |= inherited | _overlapping(set(state) - set(fingerprints), every)
        if kind == SNAPSHOTS:
            empty_days -= changed | {name for name in written if written[name] != EMPTY}
        if changed:
            stale_windows[table] = changed
            stale_tables.add(table)
    return Stale(
        {
            table: sorted(keys[str(TABLES[table].partitioning)][name] for name in names)
            for table, names in stale_windows.items()
        },
        [table for table in lineage.refreshed_tables() if table in stale_tables and table not in stale_windows],
        {keys[SNAPSHOTS][name] for name in empty_days},
        records_by_key(current.files(), windows(PLAYS, settings, now)) if stale_windows else {},
        damaged,
    )


def records_by_key(files: Iterable[ListedFile], windows: Mapping[str, TimeWindow]) -> dict[str, float]:
    """Estimated number of records by partition key; see `Stale.records`."""
    records = dict.fromkeys(windows, 0.0)
    for file in files:
        if file.first_played_at is None or file.last_played_at is None:
            continue
        length = (file.last_played_at - file.first_played_at).total_seconds() + 1
        for key, window in windows.items():
            if window.meets(file.first_played_at, file.last_played_at):
                first, last = max(window.start, file.first_played_at), min(window.end, file.last_played_at)
                records[key] += file.records * ((last - first).total_seconds() + 1) / length
    return records


def _overlapping(names: set[str], windows: list[TimeWindow]) -> set[str]:
    """Names of the windows that overlap the named ones; the first window also overlaps all earlier ones."""
    overlapping = set()
    for name in names:
        start, _, end = name.partition("/")
        for window in windows:
            if (start < f"{window.end:%Y-%m-%d}") and (end > f"{window.start:%Y-%m-%d}" or window.is_first):
                overlapping.add(window_name(window))
    return overlapping


def inputs_version(lake: Lake) -> str:
    """Version of `raw_files` and `raw_catalog_files`; a new value means that landed files were read.

    Empty if there is no such table.
    """
    registers = [table for table in map(lake.open, ("raw_files", "raw_catalog_files")) if table]
    return " ".join(f"{table.metadata().id}:{table.version()}" for table in registers)
