"""From what each window of each table was computed, kept in the commit that wrote it, and what is stale by that.

A commit's metadata holds a fingerprint of its inputs for every window that it wrote, and the state of all other
windows as of the version that its writer had seen (`base`). So data and fingerprint can never part, and the latest
commits alone tell the state of a table. A window is stale when the fingerprint of its inputs, as they are now,
differs: inputs are landed files (by when they were read) for plays, landed responses of the Web API (by size and
time) for tables that mirror them, and for all else the version in which each upstream table last wrote the window.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from deltalake import DeltaTable

from spotify_assets import lineage
from spotify_assets.lake import Lake
from spotify_assets.model import derive
from spotify_assets.partitions import Window, windows, windows_of
from spotify_assets.resources.landing import Capture, LandingResource
from spotify_assets.settings import Settings

WHOLE = "whole"
# Fingerprint of a window that nothing belongs to; one that was never written is as good.
EMPTY = "empty"
KIND = "spotify_assets/1"
# Operations that change no row.
HARMLESS = ("CREATE TABLE", "OPTIMIZE", "VACUUM", "FSCK", "SET TBLPROPERTIES", "CREATE OR REPLACE")
RECENT_COMMITS = 20
# It meets no window.
NO_SPAN = ("9999-12-31", "0001-01-01")


@dataclass(frozen=True)
class Written:
    """What is known of a window: the fingerprint of what it was computed from, and the commit that wrote it.

    `fingerprint` is None for a window of another grain that was written over in part.
    """

    fingerprint: str | None
    version: str


State = dict[str, Written]


@dataclass(frozen=True)
class LandedFile:
    """A row of `raw_files`, as far as plays depend on it."""

    listener: str
    source_file: str
    loaded_at: datetime
    first_played_at: datetime | None
    last_played_at: datetime | None
    has_undated: bool
    records: int

    def meets(self, window: Window) -> bool:
        """Whether a record of it can belong to the window."""
        return window.meets(self.first_played_at, self.last_played_at) or (window.is_first and self.has_undated)


@lru_cache(maxsize=20_000)
def window_name(window: Window) -> str:
    """Name of a window in a commit's metadata; windows of one grain sort by time."""
    return f"{window.start:%Y-%m-%d}/{window.end:%Y-%m-%d}"


def state_of(table: DeltaTable | None) -> State:
    """What is known of every window that was written, as of the table's latest version."""
    if table is None:
        return {}
    identity = str(table.metadata().id)[:8]
    commits, base, latest = _commits_since_base(table)
    state: State = {}
    if latest:
        # Should the log have lost commits in between, nothing is known of any window.
        is_whole = min(commits) <= base + 1
        state = {
            name: Written(fingerprint if is_whole else None, version)
            for name, (fingerprint, version) in latest["before"].items()
        }
    for version in sorted(commits):
        commit = commits[version]
        if version <= base or commit["operation"].startswith(HARMLESS):
            continue
        entry = _metadata(commit)
        if entry is None:
            # Somebody else wrote into the table.
            state = {name: Written(None, f"{identity}:{version}") for name in state}
        else:
            state = _after(state, entry, f"{identity}:{version}")
    return state


def versions(table: DeltaTable) -> dict[str, str]:
    """The version in which each window was last written; that of the whole table where it has none, or nothing is
    known of them, as of the mirror of the landed history.
    """
    if state := state_of(table):
        return {name: written.version for name, written in state.items()}
    identity, latest = str(table.metadata().id)[:8], 0
    for limit in (1, RECENT_COMMITS, None):
        changes = [c["version"] for c in table.history(limit) if not c["operation"].startswith(HARMLESS)]
        if changes:
            latest = max(changes)
            break
    return {WHOLE: f"{identity}:{latest}"}


def _commits_since_base(table: DeltaTable) -> tuple[dict[int, Any], int, dict[str, Any] | None]:
    """Commits by version back to the base of our latest, that base, and that latest commit's metadata."""
    commits: dict[int, Any] = {}
    # Mostly the latest is ours and tells all; on S3 each costs a request.
    for limit in (1, RECENT_COMMITS, None):
        commits = {commit["version"]: commit for commit in table.history(limit)}
        latest = next(filter(None, (_metadata(commits[version]) for version in sorted(commits, reverse=True))), None)
        if latest and min(commits) <= latest["base"] + 1:
            return commits, latest["base"], latest
    return commits, latest["base"] if latest else -1, latest


def _metadata(commit: Mapping[str, Any]) -> dict[str, Any] | None:
    """Our metadata of a commit; None for a commit of somebody else."""
    try:
        entry = json.loads(commit.get("userMetadata") or "null")
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("kind") == KIND else None


def _after(state: State, entry: Mapping[str, Any], version: str) -> State:
    """The state after a commit: its windows are new, and what they cut of windows of another grain is unknown."""
    written: dict[str, str] = entry["windows"]
    if WHOLE in written:
        return {WHOLE: Written(written[WHOLE], version)}
    first, last = entry["span"]
    after: State = {}
    for name, known in state.items():
        start, _, end = name.partition("/")
        if end <= first or start >= last:
            after[name] = known
        elif name not in written:
            if start < first:
                after[f"{start}/{first}"] = Written(None, known.version)
            if end > last:
                after[f"{last}/{end}"] = Written(None, known.version)
    return after | {name: Written(fingerprint, version) for name, fingerprint in written.items()}


def commit_metadata(table: DeltaTable, token: str, fingerprints: Mapping[str, str], span: Window | None) -> str:
    """Metadata for a commit that writes these windows.

    Args:
        table: The table as its writer sees it.
        token: By which the writer finds its commit again.
        fingerprints: Of the inputs of each window that is written, by its name.
        span: From when until when rows are replaced; None for the whole table.
    """
    first = "0001-01-01" if span is None or span.is_first else f"{span.start:%Y-%m-%d}"
    end = f"{span.end:%Y-%m-%d}" if span else "9999-12-31"
    return _entry(table, state_of(table) if span else {}, token=token, windows=dict(fingerprints), span=(first, end))


def carried_metadata(table: DeltaTable) -> str:
    """Metadata for a commit that changes no row: it tells the state of all windows on, so that one commit suffices."""
    return _entry(table, state_of(table), token="", windows={}, span=NO_SPAN)


def _entry(table: DeltaTable, state: State, **more: Any) -> str:
    before = {name: (known.fingerprint, known.version) for name, known in state.items()}
    return json.dumps({"kind": KIND, "base": table.version(), "before": before} | more, separators=(",", ":"))


def version_of(table: DeltaTable, token: str) -> Mapping[str, Any] | None:
    """The commit that carries this token."""
    for limit in (1, RECENT_COMMITS * 5):
        for commit in table.history(limit):
            if token in (commit.get("userMetadata") or ""):
                return commit
    return None


def landed_files(lake: Lake) -> list[LandedFile]:
    """The files that `raw_files` lists, those without history left out."""
    columns = [
        "listener", "source_file", "loaded_at", "first_played_at", "last_played_at", "undated_records", "records",
    ]  # fmt: skip
    return [
        LandedFile(
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


@dataclass
class Expectation:
    """Fingerprints of inputs as they are now."""

    lake: Lake
    settings: Settings

    def __post_init__(self) -> None:
        self._states: dict[str, State] = {}
        self._files: list[LandedFile] | None = None
        self._captures: dict[str, list[Capture]] = {}

    def state(self, table: str) -> State:
        """The table's state, read once."""
        if table not in self._states:
            self._states[table] = state_of(self.lake.open(table))
        return self._states[table]

    def files(self) -> list[LandedFile]:
        """The landed files, read once."""
        if self._files is None:
            self._files = landed_files(self.lake)
        return self._files

    def captures(self, folder: str) -> list[Capture]:
        """The landed responses below a folder, listed once."""
        if folder not in self._captures:
            self._captures[folder] = list(LandingResource(uri=self.settings.landing_uri).captures(folder))
        return self._captures[folder]

    def fingerprints(self, table: str, windows: Iterable[Window]) -> dict[str, str]:
        """Fingerprint of what each window of the table is computed from.

        An unpartitioned table has one window, the whole; a computed one has a fingerprint always.
        """
        if table in lineage.captured_tables():
            return self._from_captures(table, list(windows))
        if not lineage.is_partitioned(table):
            inputs = [f"{upstream}@{self._last_version(upstream)}" for upstream in lineage.upstreams(table)]
            return {WHOLE: self._hashed(table, inputs)}
        if "raw_plays" in lineage.upstreams(table):
            return self._from_files(table, list(windows))
        return {
            name: self._hashed(table, inputs) if inputs else EMPTY
            for name, inputs in (
                (window_name(window), self._from_windows(table, window_name(window))) for window in windows
            )
        }

    def _from_files(self, table: str, windows: list[Window]) -> dict[str, str]:
        inputs: dict[str, list[str]] = {window_name(window): [] for window in windows}
        for file in sorted(self.files(), key=lambda file: file.source_file):
            identity = f"{file.source_file}@{file.loaded_at.isoformat()}"
            for window in windows:
                if file.meets(window):
                    inputs[window_name(window)].append(identity)
        return {name: self._hashed(table, files) if files else EMPTY for name, files in inputs.items()}

    def _from_captures(self, table: str, windows: list[Window]) -> dict[str, str]:
        by_window: dict[str, list[str]] = {window_name(window): [] for window in windows} or {WHOLE: []}
        largest = self.settings.max_json_mb * 1_000_000
        for capture in self.captures(str(derive.landed_folder(table))):
            name = window_name(capture.window) if capture.window else WHOLE
            if name in by_window:
                refused = "@too large" if capture.size > largest else ""
                tag = f"@{capture.etag}" if capture.etag else ""
                by_window[name].append(f"{capture.path}@{capture.size}@{capture.landed_at.isoformat()}{tag}{refused}")
        return {name: self._hashed(table, files) if files else EMPTY for name, files in by_window.items()}

    def _from_windows(self, table: str, window: str) -> list[str]:
        return [
            f"{upstream}@{self.state(upstream)[window].version}"
            for upstream in lineage.upstreams(table)
            if window in self.state(upstream)
        ]

    def _last_version(self, table: str) -> str:
        versions = {written.version for written in self.state(table).values()}
        return max(versions, key=lambda version: int(version.partition(":")[2]), default="nothing")

    def _hashed(self, table: str, inputs: list[str]) -> str:
        parts = [lineage.version_of(table), lineage.row_settings(table, self.settings), *inputs]
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
        of_kind = (keys for table, keys in self.windows.items() if derive.partitioning(table) == partitioning)
        return sorted({key for keys in of_kind for key in keys})


def stale(lake: Lake, settings: Settings, now: datetime | None = None) -> Stale:
    """What has to be computed so that every table follows from the files that `raw_files` lists, and from the
    responses that are landed.
    """
    expected = Expectation(lake, settings)
    keys = {
        kind: {window_name(window): key for key, window in windows(kind, settings, now).items()}
        for kind in (derive.SNAPSHOTS, derive.PLAYS)
    }
    empty_days = set(keys[derive.SNAPSHOTS])
    stale_windows: dict[str, set[str]] = {}
    stale_tables: set[str] = set()
    for table in lineage.refreshed_tables():
        state = expected.state(table)
        above = [upstream for upstream in lineage.upstreams(table) if upstream in stale_tables]
        kind = derive.partitioning(table)
        if kind is None:
            fingerprint = expected.fingerprints(table, [])[WHOLE]
            if above or (state[WHOLE].fingerprint if WHOLE in state else EMPTY) != fingerprint:
                stale_tables.add(table)
            continue
        every = list(windows_of(table, settings, now).values())
        inherited = {name for upstream in above for name in stale_windows.get(upstream, ())}
        fingerprints = expected.fingerprints(table, every)
        known = {name: state[name].fingerprint if name in state else EMPTY for name in fingerprints}
        behind = {name for name, fingerprint in fingerprints.items() if known[name] != fingerprint}
        behind |= inherited | _meeting(set(state) - set(fingerprints), every)
        if kind == derive.SNAPSHOTS:
            empty_days -= behind | {name for name in known if known[name] != EMPTY}
        if behind:
            stale_windows[table] = behind
            stale_tables.add(table)
    return Stale(
        {
            table: sorted(keys[str(derive.partitioning(table))][name] for name in names)
            for table, names in stale_windows.items()
        },
        [table for table in lineage.refreshed_tables() if table in stale_tables and table not in stale_windows],
        {keys[derive.SNAPSHOTS][name] for name in empty_days},
        _records(expected.files(), windows(derive.PLAYS, settings, now)) if stale_windows else {},
    )


def _records(files: Iterable[LandedFile], of_plays: Mapping[str, Window]) -> dict[str, float]:
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


def _meeting(others: set[str], windows: list[Window]) -> set[str]:
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
