"""What is stale: windows and tables whose inputs, as they are now, have another fingerprint than at the last write."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.lake.commits import EMPTY, WHOLE, TableState, window_name, window_states
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import Capture, LandingZone
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES, LakeTable
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings
from spotify_assets.windows import TimeWindow, windows, windows_of


@dataclass(frozen=True)
class ListedFile:
    """A row of `raw_files`, as far as plays depend on it."""

    listener: str
    source_file: str
    loaded_at: datetime
    first_played_at: datetime | None
    last_played_at: datetime | None
    has_undated: bool
    records: int

    def meets(self, window: TimeWindow) -> bool:
        """Whether a record of it can belong to the window."""
        return window.meets(self.first_played_at, self.last_played_at) or (window.is_first and self.has_undated)


@dataclass
class Expectation:
    """Fingerprints of inputs as they are now."""

    lake: Lake
    settings: Settings

    def __post_init__(self) -> None:
        self._states: dict[str, TableState] = {}
        self._files: list[ListedFile] | None = None
        self._captures: dict[str, list[Capture]] = {}

    def state(self, table: str) -> TableState:
        """The table's state, read once."""
        if table not in self._states:
            self._states[table] = window_states(self.lake.open(table))
        return self._states[table]

    def files(self) -> list[ListedFile]:
        """The landed files, read once."""
        if self._files is None:
            self._files = listed_files(self.lake)
        return self._files

    def captures(self, folder: str) -> list[Capture]:
        """The landed responses below a folder, listed once."""
        if folder not in self._captures:
            self._captures[folder] = list(LandingZone(self.settings.landing_uri).captures(folder))
        return self._captures[folder]

    def fingerprints(self, table: LakeTable, windows: Iterable[TimeWindow]) -> dict[str, str]:
        """Fingerprint of what each window of the table is computed from.

        An unpartitioned table has one window, the whole; a computed one has a fingerprint always.
        """
        upstreams = lineage.upstreams(table.name)
        # Of an unpartitioned table that is computed, even nothing is an input: it has rows without any.
        always = table.landed_folder is None and not table.is_partitioned
        if table.landed_folder is not None:
            inputs = self._from_captures(table.landed_folder, list(windows))
        elif not table.is_partitioned:
            inputs = {WHOLE: [f"{upstream}@{self._last_version(upstream)}" for upstream in upstreams]}
        elif "raw_plays" in upstreams:
            inputs = self._from_files(list(windows))
        else:
            names = map(window_name, windows)
            inputs = {name: self._from_windows(upstreams, name) for name in names}
        code = [lineage.code_version(table.name), lineage.row_settings(table.name, self.settings)]
        return {name: _hash([*code, *of]) if of or always else EMPTY for name, of in inputs.items()}

    def _from_files(self, windows: list[TimeWindow]) -> dict[str, list[str]]:
        inputs: dict[str, list[str]] = {window_name(window): [] for window in windows}
        for file in sorted(self.files(), key=lambda file: file.source_file):
            identity = f"{file.source_file}@{file.loaded_at.isoformat()}"
            for window in windows:
                if file.meets(window):
                    inputs[window_name(window)].append(identity)
        return inputs

    def _from_captures(self, folder: str, windows: list[TimeWindow]) -> dict[str, list[str]]:
        by_window: dict[str, list[str]] = {window_name(window): [] for window in windows} or {WHOLE: []}
        largest = self.settings.max_json_mb * 1_000_000
        for capture in self.captures(folder):
            name = window_name(capture.window) if capture.window else WHOLE
            if name in by_window:
                refused = "@too large" if capture.size > largest else ""
                tag = f"@{capture.etag}" if capture.etag else ""
                by_window[name].append(f"{capture.path}@{capture.size}@{capture.landed_at.isoformat()}{tag}{refused}")
        return by_window

    def _from_windows(self, upstreams: Iterable[str], window: str) -> list[str]:
        return [
            f"{upstream}@{self.state(upstream)[window].version}"
            for upstream in upstreams
            if window in self.state(upstream)
        ]

    def _last_version(self, table: str) -> str:
        versions = {written.version for written in self.state(table).values()}
        return max(versions, key=lambda version: int(version.partition(":")[2]), default="nothing")


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Stale:
    """What is not up to date: partition keys by partitioned table, and unpartitioned tables.

    `empty_days` are days without snapshots: nothing is known of them, and nothing landed. `records` are landed records
    of plays by partition key, about: as if those of a file were spread evenly over its time.
    """

    windows: dict[str, list[str]]
    whole: list[str]
    empty_days: set[str]
    records: Mapping[str, float]

    def __bool__(self) -> bool:
        return bool(self.windows or self.whole)

    def keys(self, partitioning: str) -> list[str]:
        """Partition keys of this kind with anything stale, in order of time."""
        of_kind = (keys for table, keys in self.windows.items() if TABLES[table].partitioning == partitioning)
        return sorted({key for keys in of_kind for key in keys})


def listed_files(lake: Lake) -> list[ListedFile]:
    """The files that `raw_files` lists, those without history left out."""
    columns = [
        "listener", "source_file", "loaded_at", "first_played_at", "last_played_at", "undated_records", "records",
    ]  # fmt: skip
    return [
        ListedFile(
            row["listener"],
            row["source_file"],
            row["loaded_at"],
            row["first_played_at"],
            row["last_played_at"],
            row["undated_records"] > 0,
            row["records"],
        )
        for row in lake.read("raw_files", columns).to_pylist()
        if row["records"]
    ]


def stale(lake: Lake, settings: Settings, now: datetime | None = None) -> Stale:
    """What has to be computed so that every table follows from the files that `raw_files` lists, and from the
    responses that are landed.
    """
    expected = Expectation(lake, settings)
    keys = {
        kind: {window_name(window): key for key, window in windows(kind, settings, now).items()}
        for kind in (SNAPSHOTS, PLAYS)
    }
    empty_days = set(keys[SNAPSHOTS])
    stale_windows: dict[str, set[str]] = {}
    stale_tables: set[str] = set()
    for table in lineage.refreshed_tables():
        model = TABLES[table]
        state = expected.state(table)
        above = [upstream for upstream in lineage.upstreams(table) if upstream in stale_tables]
        kind = model.partitioning
        if kind is None:
            fingerprint = expected.fingerprints(model, [])[WHOLE]
            if above or (state[WHOLE].fingerprint if WHOLE in state else EMPTY) != fingerprint:
                stale_tables.add(table)
            continue
        every = list(windows_of(model, settings, now).values())
        inherited = {name for upstream in above for name in stale_windows.get(upstream, ())}
        fingerprints = expected.fingerprints(model, every)
        known = {name: state[name].fingerprint if name in state else EMPTY for name in fingerprints}
        behind = {name for name, fingerprint in fingerprints.items() if known[name] != fingerprint}
        behind |= inherited | _meeting(set(state) - set(fingerprints), every)
        if kind == SNAPSHOTS:
            empty_days -= behind | {name for name in known if known[name] != EMPTY}
        if behind:
            stale_windows[table] = behind
            stale_tables.add(table)
    return Stale(
        {
            table: sorted(keys[str(TABLES[table].partitioning)][name] for name in names)
            for table, names in stale_windows.items()
        },
        [table for table in lineage.refreshed_tables() if table in stale_tables and table not in stale_windows],
        {keys[SNAPSHOTS][name] for name in empty_days},
        _records(expected.files(), windows(PLAYS, settings, now)) if stale_windows else {},
    )


def _records(files: Iterable[ListedFile], of_plays: Mapping[str, TimeWindow]) -> dict[str, float]:
    """Records by partition key, as if those of a file were spread evenly over its time."""
    records = dict.fromkeys(of_plays, 0.0)
    for file in files:
        if file.first_played_at is None or file.last_played_at is None:
            continue
        length = (file.last_played_at - file.first_played_at).total_seconds() + 1
        for key, window in of_plays.items():
            if window.meets(file.first_played_at, file.last_played_at):
                first, last = max(window.start, file.first_played_at), min(window.end, file.last_played_at)
                records[key] += file.records * ((last - first).total_seconds() + 1) / length
    return records


def _meeting(others: set[str], windows: list[TimeWindow]) -> set[str]:
    """Windows that meet a window of another grain, or of a time before plays start (that is the first's)."""
    meeting = set()
    for name in others:
        start, _, end = name.partition("/")
        for window in windows:
            if (start < f"{window.end:%Y-%m-%d}") and (end > f"{window.start:%Y-%m-%d}" or window.is_first):
                meeting.add(window_name(window))
    return meeting


def inputs_version(lake: Lake) -> str:
    """Changes whenever files were read."""
    register = lake.open("raw_files")
    return f"{register.metadata().id}:{register.version()}" if register else ""
