"""What a target lacks of the lake, and what is to be written to it.

A target is a store that serves the lake's tables elsewhere: a DuckDB file, a database, a catalogue, files. Each keeps,
beside the tables and written together with them, the version of every window that it holds. What is behind is judged
from these and from the lake's commits, so a target that was dropped, restored or half-filled is found to be.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYOUT_COLUMN, SNAPSHOTS, TABLES, upstream_first

# Of a run that published the lake as it was then: its digest.
LAKE_TAG = "spotify_assets/lake"


class TargetError(Exception):
    """A target can't be reached, or won't take what is written; the message says which, and what to do."""


@dataclass(frozen=True)
class Held:
    """What a target holds of a table.

    Attributes:
        shape: Of the target's table: another one is written anew.
        windows: The version in which the lake wrote each window, by its name.
        is_the_lakes: The target reads the lake's own files, and holds no rows that could be behind: only its shape.
    """

    shape: str
    windows: Mapping[str, str]
    is_the_lakes: bool = False


@dataclass(frozen=True)
class Span:
    """Days whose rows are replaced: from `start` (None: whatever is before `end`) up to `end`, which is not included.

    Days are `YYYY-MM-DD`, UTC.
    """

    start: str | None
    end: str

    def predicate(self, table: str) -> str:
        """SQL for the rows of the span."""
        column = TABLES[table].window_column
        literal = "DATE '{}'" if TABLES[table].partitioning == SNAPSHOTS else "TIMESTAMP '{} 00:00:00'"
        until = f"{column} < {literal.format(self.end)}"
        return until if self.start is None else f"{column} >= {literal.format(self.start)} AND {until}"

    def meets(self, month: date) -> bool:
        """Whether the month that begins on that day has days of the span."""
        starts_before = self.start is None or month >= date.fromisoformat(self.start).replace(day=1)
        return starts_before and month < date.fromisoformat(self.end)

    def expression(self, table: str) -> pc.Expression:
        """The same for Arrow, by month too, so that files of other months are not read."""
        window, month = pc.field(TABLES[table].window), pc.field(LAYOUT_COLUMN)
        type_ = TABLES[table].arrow_schema.field(TABLES[table].window).type

        def at(day: date) -> pa.Scalar:
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return pa.scalar(day if pa.types.is_date(type_) else moment, type_)

        end = date.fromisoformat(self.end)
        within = (window < at(end)) & (month < pa.scalar(end))
        if self.start is None:
            return within
        start = date.fromisoformat(self.start)
        return within & (window >= at(start)) & (month >= pa.scalar(start.replace(day=1)))

    def __str__(self) -> str:
        return f"{self.start or 'the start'} to {self.end}"


def within(table: str, spans: Iterable[Span]) -> str:
    """SQL for the rows of any of the spans."""
    return " OR ".join(f"({span.predicate(table)})" for span in spans)


@dataclass(frozen=True)
class Refresh:
    """What is to be written of one table.

    Attributes:
        table: The table.
        version: Version of the lake's table that is read.
        held: What the target holds afterwards.
        spans: Whose rows are replaced; None for the whole table.
    """

    table: str
    version: int
    held: Held
    spans: tuple[Span, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the table is written anew."""
        return self.spans is None

    def rows(self, lake: Lake, *, all_rows: bool = False) -> ds.Dataset:
        """The lake's rows of the spans, or all of them, of exactly the version."""
        dataset = self.delta(lake).to_pyarrow_dataset()
        if self.spans is None or all_rows:
            return dataset
        return dataset.filter(reduce(or_, (span.expression(self.table) for span in self.spans)))

    def live_files(self, lake: Lake) -> tuple[list[str], int]:
        """Paths below the lake of the Parquet files that the log names as live in the version, and their rows.

        Of a table by month, only files of months that the spans meet: they may hold rows of other days.
        """
        actions = pa.table(self.delta(lake).get_add_actions(flatten=True)).to_pylist()
        month = f"partition.{LAYOUT_COLUMN}"
        wanted = [one for one in actions if self.spans is None or any(span.meets(one[month]) for span in self.spans)]
        folder = lake.folder(self.table)
        # The log has paths as parts of a URL.
        return sorted(f"{folder}/{unquote(one['path'])}" for one in wanted), sum(one["num_records"] for one in wanted)

    def delta(self, lake: Lake) -> DeltaTable:
        """The lake's table in exactly the version."""
        return lake.at_version(self.table, self.version)

    def __str__(self) -> str:
        if self.spans is None:
            return self.table
        return f"{self.table} ({', '.join(map(str, self.spans))})"


@dataclass(frozen=True)
class Published:
    """What was written of a table: its refresh, how many rows it took, and what else the target tells."""

    refresh: Refresh
    rows: int
    details: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """How many rows a target counts in a table, and what else it tells of that."""

    rows: int
    details: Mapping[str, str | int | float] = field(default_factory=dict)


class Target(Protocol):
    """A store that serves the lake's tables."""

    @property
    def name(self) -> str:
        """As in `spotify-assets publish NAME`, and the first part of its assets' keys."""

    @property
    def tables(self) -> Sequence[str]:
        """Tables that it serves, those that others refer to first."""

    def shape(self, table: str) -> str:
        """Changes whenever the target's table is to be made anew, as with another column."""

    def held(self) -> Mapping[str, Held]:
        """What it holds, by table.

        Raises:
            TargetError: where it can't be reached.
        """

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """Write what is behind, and tell of each table as it is done; readers see each as it was, or as it is after.

        Raises:
            TargetError: where it can't be written; what was there before stays.
        """

    def drop_history(self, lake: Lake) -> None:
        """Keep nothing of rows that were there before, where the store itself would: somebody is to be forgotten.

        Raises:
            TargetError: where it can't be done.
        """


@runtime_checkable
class Counting(Target, Protocol):
    """A target that can count what it serves, and so be compared with the lake."""

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each of these tables there, counted by the target itself.

        Raises:
            TargetError: where it can't be reached, or won't count.
        """


def behind(target: Target, lake: Lake, tables: Iterable[str] | None = None, *, anew: bool = False) -> list[Refresh]:
    """What the target lacks, of these tables or of all that it serves; `anew` is everything, whatever it holds."""
    wanted = set(target.tables if tables is None else tables)
    held = {} if anew else target.held()
    refreshes = []
    for table in target.tables:
        if table in wanted:
            delta = lake.ensure(table)
            shape, windows = target.shape(table), commits.window_versions(delta)
            before = held.get(table)
            spans = None
            if before and before.shape == shape:
                spans = () if before.is_the_lakes else changed(before.windows, windows)
            if spans is None or spans:
                refreshes.append(Refresh(table, delta.version(), Held(shape, windows), spans))
    return refreshes


def digest(lake: Lake) -> str:
    """Changes whenever a row of the lake does. A table that was made, and never written, is as good as none."""
    versions = {table: commits.window_versions(delta) for table, delta in lake.tables() if delta.version() > 0}
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


def held_of(rows: Iterable[Sequence[str]]) -> dict[str, Held]:
    """What a target holds, by its rows of (table, shape, window, version)."""
    windows: dict[str, dict[str, str]] = {}
    shapes: dict[str, str] = {}
    for table, shape, window, version in rows:
        windows.setdefault(table, {})[window] = version
        shapes[table] = shape
    return {table: Held(shapes[table], windows[table]) for table in windows}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Span, ...] | None:
    """Spans of the windows that differ, neighbours as one; None where the whole table is to be written."""
    different = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    if not different:
        return ()
    if commits.WHOLE in different or different >= {*now}:
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


def in_order(tables: Iterable[str]) -> tuple[str, ...]:
    """Tables in an order in which each comes after those that it refers to."""
    return upstream_first({table: TABLES[table].references for table in tables})


def of_layers(*layers: str) -> tuple[str, ...]:
    """Tables of these layers of the lake, in such an order."""
    return in_order(name for name, table in TABLES.items() if table.layer in layers)
