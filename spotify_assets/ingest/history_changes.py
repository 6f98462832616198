"""What of the landed history is to be read: the landing zone compared with `raw_files`, and that with `raw_plays`.

Each command asks this, and most of the time the answer is nothing. So the readers of files are not imported here, and
neither is PyArrow: 0.2 s.

Each commit of `raw_files` says which version of `raw_plays` it lists. If that version is gone, if another program
changed either table, or if their numbers of records differ, the files in question are read again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from deltalake import DeltaTable

from spotify_assets.escaping import escape_controls
from spotify_assets.lake.commits import WHOLE, version_number, window_states
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import correction_problems, unknown_overrides
from spotify_assets.landing.overrides import DateOrders, OverrideProblem, read_date_orders
from spotify_assets.landing.zone import HistoryFile, LandingZone, file_sha256
from spotify_assets.readers.formats import AMBIGUOUS_DATES
from spotify_assets.refresh import lineage, repair
from spotify_assets.refresh.clock import was_read_by_another_clock, without_end
from spotify_assets.settings import Settings
from spotify_assets.storage import OutsideStorageError, StoredFile
from spotify_assets.windows import floor_to_grain

HISTORY_TABLES = ("raw_files", "raw_plays")


@dataclass(frozen=True)
class UnusedFile:
    """A file of the landing zone, or a member of an archive, of which not all is used.

    Attributes:
        source: Path below the landing zone.
        status: `unreadable` (its content is wrong), `not read yet` (it can't be read now; the next run tries again),
            `ambiguous` (it is read, but for dates that could be two days), `line skipped` (of a file of overrides),
            `passed over` (it is where nothing is read) or `ignored` (it is something else than listening history).
        reason: Why, for the person who can act.
    """

    source: str
    status: str
    reason: str

    def __str__(self) -> str:
        return escape_controls(f"{self.status}: {self.source} ({self.reason})")


# From what somebody should look at, to what an export holds besides.
UNUSED_STATUSES = ("not read yet", "unreadable", "ambiguous", "line skipped", "passed over", "ignored")
# What every sync tells, also if nothing changed: a person can mend it.
STANDING_STATUSES = ("ambiguous", "line skipped", "passed over")


def unused_first(unused: Iterable[UnusedFile]) -> list[UnusedFile]:
    """Sorted by status, most important first, then by path."""
    return sorted(unused, key=lambda file: (UNUSED_STATUSES.index(file.status), file.source))


@dataclass(frozen=True)
class Mismatch:
    """How `raw_plays` and `raw_files` disagree.

    Attributes:
        reason: Why; empty where they agree.
        sources: Sources whose records are missing; None for all sources.
        damaged: Of the two tables, those that are damaged.
    """

    reason: str = ""
    sources: frozenset[str] | None = frozenset()
    damaged: Mapping[str, DamagedTableError] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reason)

    def concerns(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Whether a record of these rows of `raw_files` may be missing."""
        return bool(self) and (self.sources is None or any(row["source_file"] in self.sources for row in rows))


@dataclass
class Changes:
    """Differences between the landing zone and `raw_files`.

    Attributes:
        to_read: Files that are new or changed.
        touched: Files whose time of modification changed, and whose content didn't.
        deleted: Paths of files that are no longer landed.
        changed: Paths of those of `to_read` that are listed already, and changed.
        again: Paths of those of `to_read` that are listed, didn't change, and whose records are missing.
        unsettled: Number of files that are left for later, as they may still be being copied.
        files: Number of history files in the landing zone.
        unused: Files that are listed, but hold no history or can't be read, or not wholly; and those never read.
        date_orders: Orders of day and month that apply to the files.
        mismatch: What is wrong with the raw tables.
    """

    to_read: list[HistoryFile] = field(default_factory=list)
    touched: list[HistoryFile] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    unsettled: int = 0
    files: int = 0
    unused: list[UnusedFile] = field(default_factory=list)
    mismatch: Mismatch = field(default_factory=Mismatch)
    date_orders: DateOrders = field(default_factory=DateOrders)

    def __bool__(self) -> bool:
        return bool(self.to_read or self.touched or self.deleted or self.mismatch)

    def summary(self) -> str:
        """Summary for people, as `2 new, 1 changed, 1 deleted`."""
        new = len(self.to_read) - len(self.changed) - len(self.again)
        parts = {
            "new": new,
            "changed": len(self.changed),
            "read again": len(self.again),
            "touched": len(self.touched),
            "deleted": len(self.deleted),
        }
        return ", ".join(f"{count:,} {word}" for word, count in parts.items() if count) or "no change"


def reader_version(
    landed_file: str, results: Collection[tuple[str, str | None]], settings: Settings, orders: DateOrders
) -> str:
    """Version of everything but a file's content that determines its rows: code, start of plays.

    For unreadable files it includes the size limits, so that they are read again after a limit is raised; for files
    whose dates don't show the order of day and month, the setting for it; for those with a line about it, the line.

    Args:
        landed_file: Path of the file.
        results: Status and detail of each of its sources.
        settings: Start of plays, and size limits.
        orders: Orders of day and month.
    """
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    is_unreadable = any(status == "unreadable" for status, _ in results)
    limits = f" up to {settings.max_json_mb}/{settings.max_unzipped_mb} MB" if is_unreadable else ""
    dates = orders.version(
        landed_file, depends_on_default=any(status == "read" and detail is not None for status, detail in results)
    )
    return f"{lineage.code_version('raw_plays')} from {start:%Y-%m-%d}{limits}{dates}"


def _version_now(rows: Sequence[Mapping[str, Any]], settings: Settings, orders: DateOrders) -> str:
    """The version that a landed file would be read with now, by its rows of `raw_files`."""
    return reader_version(rows[0]["landed_file"], [(row["status"], row["detail"]) for row in rows], settings, orders)


def find_changes(
    landing: LandingZone, lake: Lake, settings: Settings, settled_before: datetime | None = None
) -> Changes:
    """Compare the landing zone with `raw_files`: by size, time and ETag, and by content where the size is equal.

    Args:
        landing: The landing zone.
        lake: The lake.
        settings: Start of plays, and size limits.
        settled_before: Files modified after this time are skipped: they may still be being copied.

    Raises:
        StorageError: The landing zone can't be reached, or is missing though the lake lists files of it.
    """
    listed: dict[str, list[dict[str, Any]]] = {}
    mismatch = find_mismatch(lake)
    for row in lake.rows("raw_files") if "raw_files" not in mismatch.damaged else []:
        listed.setdefault(row["landed_file"], []).append(row)
    repair.require_landing_zone(landing, lake)
    changes = Changes(mismatch=mismatch, date_orders=read_date_orders(landing, settings))
    present = set()
    now = datetime.now(UTC)
    strays: dict[str, str] = {}
    for file in landing.history_files(strays):
        present.add(file.path)
        rows = listed.get(file.path)
        if rows and (
            [rows[0][name] for name in ("size", "landed_at", "etag")] == [file.size, file.landed_at, file.etag or None]
            and without_end(rows[0]["reader_version"]) == _version_now(rows, settings, changes.date_orders)
        ):
            if mismatch.concerns(rows) or was_read_by_another_clock(rows, now):
                changes.to_read.append(file)
                changes.again.add(file.path)
            continue
        if settled_before and settled_before < file.landed_at <= now and not file.is_complete:
            changes.unsettled += 1
            continue
        if rows and not mismatch.concerns(rows) and _is_only_touched(file, rows, landing, settings, changes, now):
            changes.touched.append(file)
            continue
        changes.to_read.append(file)
        if rows:
            changes.changed.add(file.path)
    strays |= unknown_overrides(landing)
    changes.deleted = sorted(set(listed) - present)
    changes.files = len(present)
    unread = {file.path for file in changes.to_read}
    changes.unused = unused_first(
        [
            *(UnusedFile(path, "passed over", reason) for path, reason in strays.items()),
            *_skipped_lines([*changes.date_orders.problems, *changes.date_orders.unmatched(present)]),
            *_skipped_lines(correction_problems(landing)),
            *_unused_rows(row for path in present - unread for row in listed.get(path, ())),
        ]
    )
    return changes


def _unused_rows(rows: Iterable[dict[str, Any]]) -> Iterator[UnusedFile]:
    """The rows of `raw_files` that are not read, or not wholly."""
    found = (unused_source(row["source_file"], row["status"], row["detail"]) for row in rows)
    return (unused for unused in found if unused)


def unused_source(source: str, status: str, detail: str | None) -> UnusedFile | None:
    """A source that is not read, or not wholly, as `raw_files` lists it; None for any other."""
    if status != "read":
        return UnusedFile(source, status, detail or "")
    return UnusedFile(source, "ambiguous", detail) if detail and detail.startswith(AMBIGUOUS_DATES) else None


def _skipped_lines(problems: Iterable[OverrideProblem]) -> Iterator[UnusedFile]:
    """Lines of overrides that have no effect."""
    for problem in problems:
        yield UnusedFile(problem.path, "line skipped", problem.reason)


def known_digests(lake: Lake, listener: str) -> dict[StoredFile, str]:
    """SHA-256 of a listener's landed files when they were read, by what was listed of them then.

    None of a damaged table, which the next sync makes again.
    """
    columns = ["listener", "landed_file", "size", "landed_at", "etag", "sha256"]
    rows: list[dict[str, Any]] = []
    with suppress(DamagedTableError):
        rows = lake.rows("raw_files", columns)
    return {
        StoredFile(row["landed_file"], row["size"], row["landed_at"], row["etag"] or ""): row["sha256"]
        for row in rows
        if row["listener"] == listener and row["sha256"]
    }


def use_of(lake: Lake, landed_files: Iterable[str]) -> tuple[int, list[UnusedFile]]:
    """Of landed files: how many hold history that was read, and what of them was not used."""
    wanted = set(landed_files)
    columns = ["source_file", "landed_file", "status", "detail"]
    rows = [row for row in lake.rows("raw_files", columns) if row["landed_file"] in wanted]
    used = {row["landed_file"] for row in rows if row["status"] == "read"}
    return len(used), unused_first(_unused_rows(rows))


def find_mismatch(lake: Lake) -> Mismatch:
    """Compare `raw_plays` with `raw_files` by their logs. Records are looked at only where their number differs."""
    inspected = lake.inspect(HISTORY_TABLES)
    if damaged := {table: error for table, error in inspected.items() if isinstance(error, DamagedTableError)}:
        return Mismatch("; ".join(f"{table}: {error.reason}" for table, error in damaged.items()), None, damaged)
    files, plays = (table if isinstance(table, DeltaTable) else None for table in inspected.values())
    version = files.version() if files else None
    listed = lake.rows("raw_files", ["source_file", "records"])
    if files and files.version() != version:
        return find_mismatch(lake)  # another process has just committed: raw_plays may be older than the list
    expected = sum(row["records"] or 0 for row in listed)
    try:
        if reason := _distrust(plays, files, expected):
            return Mismatch(reason, None)
    except DamagedTableError as error:  # of an entry that is read for nothing else
        return Mismatch(f"{error.table}: {error.reason}", None, {error.table: error})
    present = count_rows(plays) if plays else 0
    if present >= expected:
        # Records that aren't listed are of a run under way, or of one that was killed: see `_remove_unlisted_records`.
        return Mismatch()
    return Mismatch(
        f"raw_plays has {present:,} records, and raw_files lists {expected:,}",
        _wrong_sources(plays, listed),
    )


def _distrust(plays: DeltaTable | None, files: DeltaTable | None, expected: int) -> str:
    """Why the records in `raw_plays` can't be the expected ones of `raw_files`, whatever their number; else empty."""
    of_files, of_plays = window_states(files).get(WHOLE), window_states(plays).get(WHOLE)
    if of_files is None:
        return ""
    if of_files.fingerprint is None:
        return "another program, or an earlier version of this one, changed raw_files"
    if of_plays is None:
        return "raw_plays is gone" if expected else ""
    if of_plays.fingerprint is None:
        return "another program changed raw_plays"
    is_later = version_number(of_plays.version) > version_number(of_files.fingerprint)
    is_same_table = of_plays.version.partition(":")[0] == of_files.fingerprint.partition(":")[0]
    if of_plays.version == of_files.fingerprint or (is_same_table and is_later):
        return ""
    return "raw_plays was replaced or restored"


def _wrong_sources(plays: DeltaTable | None, listed: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Listed sources of which `raw_plays` has another number of records."""
    counts = {row["source_file"]: row["records"] for row in listed}
    present: Counter[str] = Counter()
    for batch in plays.to_pyarrow_dataset().to_batches(columns=["source_file"]) if plays else ():
        for row in batch["source_file"].value_counts().to_pylist():
            present[row["values"]] += row["counts"]
    return frozenset(source for source, count in counts.items() if count != present[source])


def count_rows(delta: DeltaTable) -> int:
    """Number of rows, from the log."""
    return sum(delta.get_add_actions()["num_records"].to_pylist())


def _is_only_touched(
    file: HistoryFile,
    rows: list[dict[str, Any]],
    landing: LandingZone,
    settings: Settings,
    changes: Changes,
    now: datetime,
) -> bool:
    """Whether only the time of modification changed, and no record becomes valid or invalid by it."""
    version = _version_now(rows, settings, changes.date_orders)
    if rows[0]["size"] != file.size or without_end(rows[0]["reader_version"]) != version:
        return False
    if was_read_by_another_clock(rows, now):
        return False
    from spotify_assets.ingest.history_rows import latest_valid

    bound = latest_valid(file.landed_at, settings, now)
    depends_on_time = any(
        (row["undated_records"] and row["status"] == "read")
        or (row["last_reported_at"] and row["last_reported_at"] > bound)
        or row["exported_at"]
        for row in rows
    )
    try:
        return not depends_on_time and file_sha256(partial(landing.open, file.path)) == rows[0]["sha256"]
    except (OSError, OutsideStorageError):
        return False
