"""Input fingerprints of each window of a Delta table, stored in the metadata of the commit that wrote the window.

A commit's metadata holds a fingerprint of the inputs of every window that the commit wrote, and the state of all other
windows as of the version that its writer read (`base`). Data and fingerprints are thus committed together, and the
latest commits suffice to compute the state of a table. A window is stale when the current fingerprint of its inputs
differs from the stored one. Inputs are landed files (by the time at which they were read) for plays, landed responses
of the Web API (by size and time) for tables that mirror them, and for all other tables the version in which each
upstream table last wrote the window.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from dateutil.relativedelta import relativedelta
from deltalake import CommitProperties, DeltaTable

from spotify_assets.lake.history import history
from spotify_assets.model.columns import LAYOUTS
from spotify_assets.windows import TimeWindow

WHOLE = "whole"
# Fingerprint of a window without inputs; a window that was never written counts as up to date with it.
EMPTY = "empty"
KIND = "spotify_assets/1"
# Operations in the Delta log that change no row, as `deltalake` and Delta on Spark name them.
OPERATIONS_WITHOUT_CHANGES = {
    "OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPDATE TABLE METADATA",
    "UPDATE FIELD METADATA", "ADD CONSTRAINT", "DROP CONSTRAINT", "UPGRADE PROTOCOL", "ADD FEATURE",
}  # fmt: skip
# Modes of `deltalake` in which a table that is there stays as it is.
CREATE_ONLY = ("Ignore", "ErrorIfExists")
RECENT_COMMITS = 20
# Overlaps no window.
EMPTY_SPAN = ("9999-12-31", "0001-01-01")


@dataclass(frozen=True)
class WindowState:
    """State of a window.

    Attributes:
        fingerprint: Of the inputs from which the window was computed; None where it is unknown, as for the rest of a
            window of another grain after part of it was replaced.
        version: The commit that wrote the window: `<first 8 characters of the table's id>:<Delta version>`, and
            `:<first 8 characters of the commit's token>`, as the version after one that was lost or restored has
            the same number. Commits of other programs, and those without `is_unique` in their metadata, have no token.
    """

    fingerprint: str | None
    version: str


TableState = dict[str, WindowState]


@lru_cache(maxsize=20_000)
def window_name(window: TimeWindow) -> str:
    """Name of a window in a commit's metadata; windows of one grain sort by time."""
    return f"{window.start:%Y-%m-%d}/{window.end:%Y-%m-%d}"


def window_states(table: DeltaTable | None) -> TableState:
    """State of every window that was written, by window name, as of the table's latest version."""
    if table is None:
        return {}
    identity = str(table.metadata().id)[:8]
    commits, base, latest = _commits_since_base(table)
    state: TableState = {}
    if latest:
        # If commits between base and latest are missing from the log, no fingerprint can be trusted.
        is_complete = min(commits) <= base + 1
        state = {
            name: WindowState(fingerprint if is_complete else None, version)
            for name, (fingerprint, version) in latest["before"].items()
        }
    for version in sorted(commits):
        commit = commits[version]
        if version <= base or not _may_change_rows(commit):
            continue
        entry = _parse_metadata(commit)
        if entry is None:
            # Another program wrote to the table and may have changed any window, or written others.
            names = {*state, *_uncovered_periods(table, state)}
            state = {name: WindowState(None, f"{identity}:{version}") for name in names}
        else:
            state = _apply_commit(state, entry, f"{identity}:{version}{_suffix(entry)}")
    return state


def version_number(version: str) -> int:
    """The Delta version in a `WindowState.version`."""
    return int(version.split(":")[1])


def version_at(table: DeltaTable, number: int) -> str | None:
    """The `WindowState.version` of what the commit of a Delta version wrote; None where the log doesn't have it."""
    for commit in history(table, max(table.version() - number + 1, 1)):
        if commit["version"] == number:
            return f"{str(table.metadata().id)[:8]}:{number}{_suffix(_parse_metadata(commit) or {})}"
    return None


def _suffix(entry: Mapping[str, Any]) -> str:
    return f":{entry['token'][:8]}" if entry.get("is_unique") else ""


def _may_change_rows(commit: Mapping[str, Any]) -> bool:
    """Whether the commit may have changed rows: any operation that isn't known for leaving them as they are."""
    operation = commit.get("operation")
    if operation == "CREATE TABLE":
        # Two programs may create a table at once, and the later one's entry comes after that of the other.
        parameters = commit.get("operationParameters") or {}
        return int(commit["version"]) > 0 and parameters.get("mode") not in CREATE_ONLY
    if operation == "FSCK":  # it takes files off the log that are missing
        return str((commit.get("operationMetrics") or {}).get("files_removed")) != "[]"
    return operation not in OPERATIONS_WITHOUT_CHANGES


def _uncovered_periods(table: DeltaTable, state: TableState) -> Iterator[str]:
    """Windows with rows of which nothing is known: the whole table, or its months or years without a known window."""
    layouts = table.metadata().partition_columns
    if not layouts:
        yield WHOLE
        return
    length = relativedelta(years=1) if LAYOUTS.get(layouts[0]) == "year" else relativedelta(months=1)
    for partition in table.partitions():
        try:
            start = date.fromisoformat(str(partition.get(layouts[0])))
        except ValueError:
            continue
        end = start.replace(day=1) + length
        windows = (name.partition("/") for name in state if name != WHOLE)
        if not any(first < f"{end}" and last > f"{start}" for first, _, last in windows):
            yield f"{start}/{end}"


def window_versions(table: DeltaTable) -> dict[str, str]:
    """The version in which each window was last written, by window name.

    A table whose commits have no window metadata, as `raw_plays`, has one entry, `whole`: its last version that
    changed rows.
    """
    if state := window_states(table):
        return {name: window.version for name, window in state.items()}
    identity, latest = str(table.metadata().id)[:8], 0
    for limit in (1, RECENT_COMMITS, None):
        found = history(table, limit)
        changes = [commit["version"] for commit in found if _may_change_rows(commit)]
        latest = max(changes, default=0)
        if changes or (found and found[-1]["version"] == 0):
            break
    return {WHOLE: f"{identity}:{latest}"}


def _commits_since_base(table: DeltaTable) -> tuple[dict[int, Any], int, dict[str, Any] | None]:
    """Commits by version, back to the base of our latest commit; that base; and the metadata of our latest commit."""
    commits: dict[int, Any] = {}
    # Usually the latest commit is ours and suffices; on S3 each further commit costs a request.
    unknown: dict[int, Any] = {}
    for limit in (1, RECENT_COMMITS, None):
        found = history(table, limit)
        if limit == 1 and not found:
            # Another program made the latest commit and says nothing of it; `history` counts it out in its versions.
            unknown = {table.version(): {"version": table.version()}}
        commits = {commit["version"] - len(unknown): commit for commit in found} | unknown
        latest = next(
            filter(None, (_parse_metadata(commits[version]) for version in sorted(commits, reverse=True))), None
        )
        if latest and min(commits) <= latest["base"] + 1:
            return commits, latest["base"], latest
        if min(commits, default=None) == 0 and not unknown:
            break  # these are all
    return commits, latest["base"] if latest else -1, latest


def _parse_metadata(commit: Mapping[str, Any]) -> dict[str, Any] | None:
    """Our metadata of a commit; None for a commit of another program."""
    try:
        entry = json.loads(commit.get("userMetadata") or "null")
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("kind") == KIND else None


def _apply_commit(state: TableState, entry: Mapping[str, Any], version: str) -> TableState:
    """The state after a commit.

    A window of another grain that overlaps the commit's span is cut: its remainder keeps its version, and has no
    fingerprint.
    """
    written: dict[str, str | None] = entry["windows"]
    first, last = entry["span"]
    after: TableState = {}
    for name, window in state.items():
        start, _, end = name.partition("/")
        if end <= first or start >= last:
            after[name] = window
        elif name not in written:
            if start < first:
                after[f"{start}/{first}"] = WindowState(None, window.version)
            if end > last:
                after[f"{last}/{end}"] = WindowState(None, window.version)
    return after | {name: WindowState(fingerprint, version) for name, fingerprint in written.items()}


def commit_metadata(
    table: DeltaTable, token: str, fingerprints: Mapping[str, str | None], span: TimeWindow | None
) -> str:
    """Metadata for a commit that writes these windows.

    Args:
        table: The table as its writer sees it.
        token: Unique to this commit; see `commit_with_token`.
        fingerprints: Fingerprint of the inputs of each window that is written, by window name; None where unknown.
        span: Interval whose rows are replaced; None for the whole table.
    """
    first = "0001-01-01" if span is None or span.is_first else f"{span.start:%Y-%m-%d}"
    end = f"{span.end:%Y-%m-%d}" if span else "9999-12-31"
    return _serialize(
        table,
        window_states(table) if span else {},
        token=token,
        windows=dict(fingerprints),
        span=(first, end),
        is_unique=True,
    )


def carry_forward_metadata(table: DeltaTable) -> str:
    """Metadata for a commit that changes no row; it repeats the state of all windows, so that readers need only it."""
    return _serialize(table, window_states(table), token="", windows={}, span=EMPTY_SPAN)


def carry_forward(table: DeltaTable) -> CommitProperties | None:
    """Commit properties that repeat the state of all windows; None where no window has a state."""
    if not window_states(table):
        return None
    return CommitProperties(custom_metadata={"userMetadata": carry_forward_metadata(table)})


def _serialize(table: DeltaTable, state: TableState, **fields: Any) -> str:
    before = {name: (window.fingerprint, window.version) for name, window in state.items()}
    return json.dumps({"kind": KIND, "base": table.version(), "before": before} | fields, separators=(",", ":"))


def commit_with_token(table: DeltaTable, token: str) -> Mapping[str, Any] | None:
    """The commit whose metadata contains this token; None where none of the last 100 does."""
    for limit in (1, RECENT_COMMITS * 5):
        for commit in history(table, limit):
            if (_parse_metadata(commit) or {}).get("token") == token:
                return commit
    return None
