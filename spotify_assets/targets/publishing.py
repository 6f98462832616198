"""Publishing: the interface of targets, and which of their tables and windows need a refresh.

A target is a store to which the lake's tables are published: a DuckDB file, a database, a catalogue, files. It stores
the published version of every window together with the rows. Pending refreshes are computed from these versions and
the lake's commits, and so a target that was dropped, restored or filled in part is detected.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from spotify_assets.conditions import any_of
from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.model import SNAPSHOTS, TABLES, LakeTable, upstream_first

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

# Tag of a publishing run: `lake_digest` of the lake that it published.
LAKE_TAG = "spotify_assets/lake"
# Table of the cleaned layer that databases get beside the star schema.
CATALOGUE = "catalog_tracks"
# In the place of a window's name where a table is read from the lake's files.
FILES = "files"
# Detail of a `PublishResult`: a line for the person who looks after the target.
NOTE = "note"


class TargetError(Exception):
    """A target can't be reached or written; the message names the target, the cause and what to do."""


@dataclass(frozen=True)
class PublishedState:
    """State of a table in a target.

    Attributes:
        schema_fingerprint: Of the target's table (stored as `shape`); where it differs, the table is recreated.
        windows: Published version of each window, by window name; see `commits.window_versions`. Of a table that is
            read from the lake's files by their names, `FILES` only, with a hash of these names.
        reads_lake_files: The target reads the lake's files, so that its rows are always current.
        rows: Number of rows in the target; None where it doesn't know that without a scan.
    """

    schema_fingerprint: str
    windows: Mapping[str, str]
    reads_lake_files: bool = False
    rows: int | None = None


@dataclass(frozen=True)
class Span:
    """Interval of days whose rows are replaced.

    Attributes:
        start: First day (`YYYY-MM-DD`, UTC); None where there is no lower bound.
        end: Day after the last (`YYYY-MM-DD`, UTC).
    """

    start: str | None
    end: str

    def predicate(self, table: str) -> str:
        """SQL condition of the table's rows in the span."""
        column = TABLES[table].window_column
        literal = "DATE '{}'" if TABLES[table].partitioning == SNAPSHOTS else "TIMESTAMP '{} 00:00:00'"
        until = f"{column} < {literal.format(self.end)}"
        return until if self.start is None else f"{column} >= {literal.format(self.start)} AND {until}"

    def overlaps(self, model: LakeTable, start: date) -> bool:
        """Whether the period of a table's files that begins on the given day has days of the span."""
        starts_before = self.start is None or start >= model.layout_start(date.fromisoformat(self.start))
        return starts_before and start < date.fromisoformat(self.end)

    def expression(self, table: str) -> "pc.Expression":
        """Arrow filter of the table's rows in the span; also by the period of files, so that others are skipped."""
        import pyarrow as pa
        import pyarrow.compute as pc

        model = TABLES[table]
        window, file_start = pc.field(model.window), pc.field(model.layout_column)
        type_ = model.arrow_schema.field(model.window).type

        def at(day: date) -> "pa.Scalar":
            return pa.scalar(datetime(day.year, day.month, day.day, tzinfo=UTC), type_)

        end = date.fromisoformat(self.end)
        within = (window < at(end)) & (file_start < pa.scalar(end))
        if self.start is None:
            return within
        start = date.fromisoformat(self.start)
        return within & (window >= at(start)) & (file_start >= pa.scalar(model.layout_start(start)))

    def __str__(self) -> str:
        return f"{self.start or 'the start'} to {self.end}"


def spans_predicate(table: str, spans: Iterable[Span]) -> str:
    """SQL condition of the table's rows in any of the spans."""
    return " OR ".join(f"({span.predicate(table)})" for span in spans)


@dataclass(frozen=True)
class Refresh:
    """A pending write of one table to a target.

    Attributes:
        table: Name of the table.
        version: Delta version of the lake's table to read.
        state: State of the target's table after the refresh.
        spans: Intervals whose rows are replaced; None for the whole table.
        writes_all: Every row has to be written, also those that the target should have already.
    """

    table: str
    version: int
    state: PublishedState
    spans: tuple[Span, ...] | None = None
    writes_all: bool = False

    @property
    def reads_files(self) -> bool:
        """Whether the target's table is to read the lake's files by their names, and copies no rows."""
        return FILES in self.state.windows

    @property
    def replaces_table(self) -> bool:
        """Whether the whole table is replaced."""
        return self.spans is None

    def rows(self, lake: Lake, *, all_rows: bool = False, files: Collection[str] | None = None) -> "ds.Dataset":
        """The lake's rows of the spans (or all rows, or those of some files) in the refresh's version."""
        dataset = self.delta(lake).to_pyarrow_dataset()
        if files is not None:
            return _of_files(dataset, files)
        if self.spans is None or all_rows:
            return dataset
        return dataset.filter(any_of([span.expression(self.table) for span in self.spans]))

    def live_files(self, lake: Lake) -> tuple[list[str], int]:
        """Paths (relative to the lake) of the Parquet files of the refresh's version, and their number of rows.

        Of a partitioned table, only files of periods that overlap the spans; they may hold rows of other days.
        """
        import pyarrow as pa

        actions = pa.table(self.delta(lake).get_add_actions(flatten=True)).to_pylist()
        model = TABLES[self.table]

        def is_wanted(action: Mapping[str, Any]) -> bool:
            if self.spans is None:
                return True
            start = action[f"partition.{model.layout_column}"]
            return any(span.overlaps(model, start) for span in self.spans)

        live = [one for one in actions if is_wanted(one)]
        folder = lake.folder(self.table)
        # Paths in the Delta log are URL-encoded.
        return sorted(f"{folder}/{unquote(one['path'])}" for one in live), sum(one["num_records"] for one in live)

    def delta(self, lake: Lake) -> DeltaTable:
        """The lake's table in the refresh's version."""
        return lake.at_version(self.table, self.version)

    def __str__(self) -> str:
        if self.spans is None:
            return self.table
        return f"{self.table} ({', '.join(map(str, self.spans))})"


@dataclass(frozen=True)
class PublishResult:
    """Result of a refresh: number of rows written, and further figures of the target."""

    refresh: Refresh
    rows: int
    details: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class RowCount:
    """Number of rows of a table in a target, and further figures of the count."""

    rows: int
    details: Mapping[str, str | int | float] = field(default_factory=dict)


class Target(Protocol):
    """A store to which tables of the lake are published."""

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish NAME`, and first part of the asset keys."""

    @property
    def tables(self) -> Sequence[str]:
        """Published tables; a table comes after those that it references."""

    @property
    def bills_for_states(self) -> bool:
        """Whether `published_states` costs money; a sensor asks for them less often then."""

    def schema_fingerprint(self, table: str) -> str:
        """Schema fingerprint; a new value means that the table is recreated."""

    def published_states(self) -> Mapping[str, PublishedState]:
        """State of each published table, by table; read from the target.

        Raises:
            TargetError: where the target can't be reached.
        """

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Execute refreshes, and yield the result of each table. Readers never see a table half written.

        Raises:
            TargetError: where the target can't be written; its former content stays.
        """

    def drop_history(self, lake: Lake) -> None:
        """Remove former versions of rows that the store itself keeps; called after a listener is deleted.

        Raises:
            TargetError: where the target can't be reached or written.
        """


@runtime_checkable
class ViewingTarget(Target, Protocol):
    """A target that reads some tables from the lake's files, by their names, and copies the others."""

    def file_list(self, lake: Lake, table: str, delta: DeltaTable) -> str | None:
        """A hash of the files' names that the target's table has to read; None where it holds a copy of the rows."""


@runtime_checkable
class CountingTarget(Target, Protocol):
    """A target that can count rows; each of its tables has a check against the lake."""

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each of these tables, counted by the target.

        Raises:
            TargetError: where the target can't be reached, or the count fails.
        """


def pending_refreshes(
    target: Target,
    lake: Lake,
    tables: Iterable[str] | None = None,
    *,
    full: bool = False,
    compare_rows: bool = True,
) -> list[Refresh]:
    """Refreshes that the target needs to equal the lake.

    Args:
        target: The target.
        lake: The lake; missing tables are created empty.
        tables: Restricts the result to these tables.
        full: Replace every table, without comparing versions.
        compare_rows: Replace tables whose number of rows isn't the lake's, where the target knows it without a scan.

    Raises:
        TargetError: where the target can't be reached.
        DamagedTableError: A table of the lake that has to be read is damaged.
    """
    selected = set(target.tables if tables is None else tables)
    states = {} if full else target.published_states()
    refreshes = []

    def read(table: str) -> tuple[DeltaTable, dict[str, str]]:
        delta = lake.ensure(table)
        return delta, _wanted_windows(target, lake, table, delta)

    found = lake.for_each((table for table in target.tables if table in selected), read)
    for table in target.tables:
        if table in selected:
            delta, windows = found[table]
            current = PublishedState(target.schema_fingerprint(table), windows)
            published = states.get(table)
            spans = None
            if published and published.schema_fingerprint == current.schema_fingerprint:
                spans = () if published.reads_lake_files else changed_spans(published.windows, current.windows)
                if spans == () and compare_rows and published.rows not in (None, _row_count(delta)):
                    spans = None
            if spans is None or spans:
                refreshes.append(Refresh(table, delta.version(), current, spans, full))
    for damaged in lake.damaged(refresh.table for refresh in refreshes).values() if refreshes else ():
        raise damaged
    return refreshes


def _wanted_windows(target: Target, lake: Lake, table: str, delta: DeltaTable) -> dict[str, str]:
    """Version of each window; of a table that is read from files, only `FILES`, with the hash of their names."""
    if isinstance(target, ViewingTarget) and (files := target.file_list(lake, table, delta)):
        return {FILES: files}
    return commits.window_versions(delta)


def added_files(lake: Lake, refresh: Refresh, published: PublishedState) -> list[str] | None:
    """Parquet files (relative to the lake) whose rows are all that the target's table lacks.

    None where other rows changed, too. Only raw tables are asked about: the others are written anew as a whole, and
    each answer takes two reads of a log.

    Args:
        lake: The lake.
        refresh: Of a whole table.
        published: What the target has of that table now, with its number of rows.
    """
    if refresh.writes_all or TABLES[refresh.table].landed_folder is None:
        return None
    if published.schema_fingerprint != refresh.state.schema_fingerprint or {*published.windows} != {commits.WHOLE}:
        return None
    token = published.windows[commits.WHOLE]
    version = commits.version_number(token)
    if version >= refresh.version or commits.version_at(lake.ensure(refresh.table), version) != token:
        return None
    try:
        former = lake.at_version(refresh.table, version)
    except DeltaError:
        return None  # the log no longer has that version
    tables = (former, refresh.delta(lake))
    before, now = ({*one.get_add_actions(flatten=True)["path"].to_pylist()} for one in tables)
    if not before <= now or _row_count(former) != published.rows:
        return None
    return sorted(f"{lake.folder(refresh.table)}/{unquote(path)}" for path in now - before)


def _of_files(dataset: "ds.Dataset", files: Collection[str]) -> "ds.Dataset":
    """The rows of some of a dataset's files, whose names are unique."""
    import pyarrow.dataset as ds

    names = {path.rpartition("/")[2] for path in files}
    fragments = [one for one in dataset.get_fragments() if unquote(one.path).rpartition("/")[2] in names]
    return ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)


def _row_count(delta: DeltaTable) -> int | None:
    """Number of rows by the table's log; None where another program wrote files without saying."""
    rows = delta.get_add_actions(flatten=True)["num_records"].to_pylist()
    return None if None in rows else sum(rows)


def lake_digest(lake: Lake) -> str:
    """Hash of the window versions of all tables. A table that was created and never written is ignored."""
    tables = {table: delta for table, delta in lake.tables() if delta.version() > 0}
    versions = lake.for_each(tables, lambda table: commits.window_versions(tables[table]))
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


def states_from_rows(rows: Iterable[Sequence[str]], row_counts: Mapping[str, int | None]) -> dict[str, PublishedState]:
    """State of each table that is there, from rows of (table, schema fingerprint, window, version).

    Args:
        rows: Of the target's table of windows.
        row_counts: By name of each table in the target, its number of rows; None where that isn't known.
    """
    windows: dict[str, dict[str, str]] = {}
    fingerprints: dict[str, str] = {}
    for table, fingerprint, window, version in rows:
        if table not in row_counts:
            continue
        windows.setdefault(table, {})[window] = version
        fingerprints[table] = fingerprint
    return {table: PublishedState(fingerprints[table], windows[table], rows=row_counts[table]) for table in windows}


def changed_spans(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Span, ...] | None:
    """Spans of the windows whose versions differ; adjacent ones are merged. None where the whole table is replaced."""
    different = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    if not different:
        return ()
    if different >= {*now}:
        return None
    first = min({*before, *now})
    spans: list[Span] = []
    for name in sorted(different):
        start, _, end = name.partition("/")
        if spans and start <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(end, spans[-1].end))
        else:
            spans.append(Span(None if name == first else start, end))
    return tuple(spans)


def sort_by_references(tables: Iterable[str]) -> tuple[str, ...]:
    """Sort tables topologically: each comes after those that it references."""
    return upstream_first({table: TABLES[table].references for table in tables})


def tables_for_analysis() -> tuple[str, ...]:
    """What databases get that hold copies: the star schema, the metrics and the join of catalogue files, sorted."""
    layers = ("dimensions", "facts", "metrics")
    return sort_by_references(name for name, table in TABLES.items() if table.layer in layers or name == CATALOGUE)


def tables_of_layers(*layers: str) -> tuple[str, ...]:
    """Tables of these layers of the lake, sorted by `sort_by_references`."""
    return sort_by_references(name for name, table in TABLES.items() if table.layer in layers)
