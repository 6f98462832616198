"""From what each window of each table was computed, kept in the commit that wrote it, and what is stale by that.

A commit's metadata holds a fingerprint of its inputs for every window that it wrote, and the state of all other
windows as of the version that its writer had seen (`base`). So data and fingerprint can never part, and the latest
commits alone tell the state of a table. A window is stale when the fingerprint of its inputs, as they are now,
differs: inputs are landed files (by when they were read) for plays, landed responses of the Web API (by size and
time) for tables that mirror them, and for all else the version in which each upstream table last wrote the window.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deltalake import DeltaTable

from spotify_assets.windows import TimeWindow

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


@lru_cache(maxsize=20_000)
def window_name(window: TimeWindow) -> str:
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


def commit_metadata(table: DeltaTable, token: str, fingerprints: Mapping[str, str], span: TimeWindow | None) -> str:
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


def commit_with_token(table: DeltaTable, token: str) -> Mapping[str, Any] | None:
    """The commit that carries this token."""
    for limit in (1, RECENT_COMMITS * 5):
        for commit in table.history(limit):
            if token in (commit.get("userMetadata") or ""):
                return commit
    return None
