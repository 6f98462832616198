"""How a page is declared: blocks of figures, charts and tables, each with its query.

From that follow, for every block, the table beneath a chart, the CSV, the lists of tracks, and the SQL behind it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from spotify_assets.dashboard.filters import Filters, Listener
from spotify_assets.dashboard.formats import CODES, LONG, MISSING, NUMERIC, UNBROKEN, written
from spotify_assets.dashboard.queries import Query, ResultRow, Rows, Spec
from spotify_assets.escaping import escape_controls

Said = str | Callable[[Rows], str]
# Columns that pages don't show; CSVs have them.
HIDDEN = ("_key", "_uri", "_url", "_id")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name in the query's result.
        label: Its head, with the unit where the values have none.
        kind: How values are written, see `formats.WRITERS`.
        link: Address that a row's value links to; empty for none.
        bar: Whether a bar beside the value compares the rows.
    """

    name: str
    label: str
    kind: str = "text"
    link: Callable[[ResultRow], str] | None = None
    bar: bool = False

    @property
    def styles(self) -> str:
        """Classes of its cells: numbers are aligned to the right, numbers and dates never broken into lines.

        Long texts have some width at least, paths are broken anywhere.
        """
        classes = {"number": self.kind in NUMERIC, "unbroken": self.kind in UNBROKEN, "long": self.kind in LONG}
        classes["path"] = self.kind == "path"
        return " ".join(name for name, is_one in classes.items() if is_one)


@dataclass(frozen=True)
class Figure:
    """A number with what it is, and what it is compared with."""

    label: str
    value: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Block:
    """A part of a page, of one query.

    Attributes:
        name: Identifies it on the page and in addresses.
        query: Its rows.
        title: What is seen, or a function of the rows that says it.
        columns: Columns of its table, in this order.
        chart: Vega-Lite chart of the rows, without its data; None to show the table itself.
        figures: Numbers of the rows, instead of chart and table.
        note: What is counted, units, how much is known.
        empty: What to say where there are no rows.
        shown: Rows of the table on the page; the CSV has all.
        is_half: Whether two fit side by side on wide screens.
        pictures: Whether rows begin with a cover, or its placeholder.
        needs: A column without which a row is not shown; empty for none.
        about: What it tells, as `devices`, where not all formats of history do; empty for what every one tells.
        known_by: The column that tells it. Where it is None or `unknown` in all rows, the page leaves the block out,
            and says what isn't known. Titles are made of the other rows.
    """

    name: str
    query: Query
    title: Said
    columns: Sequence[Column] = ()
    chart: Callable[[Rows], Spec] | None = None
    figures: Callable[[Rows], Sequence[Figure]] | None = None
    note: Said = ""
    empty: str = "Nothing was heard in this period."
    shown: int = 25
    is_half: bool = False
    pictures: bool = False
    needs: str = ""
    about: str = ""
    known_by: str = ""

    def answer(
        self, connection: duckdb.DuckDBPyConnection, known: dict[Any, Rows], *, is_whole: bool
    ) -> "AnsweredBlock":
        """The block with its rows.

        Args:
            connection: The warehouse.
            known: Rows of queries that were run for this page already, which several blocks may share.
            is_whole: Whether the page is to show more rows than usual.
        """
        key = (self.query.sql, *self.query.parameters.items())
        if key not in known:
            known[key] = self.query.run(connection)
        found = known[key]
        rows = [row for row in found if not self.needs or row[self.needs] is not None]
        is_unknown = bool(self.known_by and found) and all(row[self.known_by] in UNTOLD for row in found)
        return AnsweredBlock(self, rows, is_whole, is_unknown)


@dataclass(frozen=True)
class Cell:
    """A written value of a table."""

    text: str
    styles: str
    link: str = ""
    percent: float | None = None


@dataclass(frozen=True)
class AnsweredBlock:
    """A block with its rows.

    Attributes:
        block: The block.
        rows: All rows of its query.
        is_whole: Whether the page shows more of them than a block's usual number.
        is_unknown: Whether there are rows, and none has what the block is about.
    """

    block: Block
    rows: Rows
    is_whole: bool = False
    is_unknown: bool = False

    @property
    def title(self) -> str:
        """What is seen, in rows that tell it; where nothing is, what would be there."""
        by = self.block.known_by
        known = [row for row in self.rows if row[by] not in UNTOLD] if by else self.rows
        return _say(self.block.title, known) or self.block.name.replace("-", " ").capitalize()

    @property
    def note(self) -> str:
        """What is counted."""
        return _say(self.block.note, self.rows)

    @property
    def figures(self) -> Sequence[Figure]:
        """Numbers of the rows, but for those that aren't known."""
        figures = self.block.figures(self.rows) if self.block.figures and self.rows else ()
        return [figure for figure in figures if figure.value != MISSING]

    @property
    def spec(self) -> Spec | None:
        """Vega-Lite chart with its data; None without rows, and for one: that is a number."""
        if not self.block.chart or len(self.rows) < FEWEST_DRAWN:
            return None
        spec = self.block.chart(self.rows)
        if "data" in spec and "values" in spec["data"]:
            return spec
        codes = {column.name: column.kind for column in self.block.columns if column.kind in CODES}
        labels = ({name: written(row[name], kind) for name, kind in codes.items()} for row in self.rows)
        values = [_plain_row({**row, **labels_of_row}) for row, labels_of_row in zip(self.rows, labels, strict=True)]
        return {**spec, "data": {"values": values}}

    @property
    def cells(self) -> Iterable[tuple[ResultRow, list[Cell]]]:
        """Rows that the page shows, each with its cells."""
        most = {
            column.name: max((abs(row[column.name] or 0) for row in self.rows), default=0)
            for column in self.block.columns
            if column.bar
        }
        for row in self.rows[: self.shown]:
            yield row, [_cell(row, column, most.get(column.name)) for column in self.block.columns]

    @property
    def shown(self) -> int:
        """Number of rows that the page shows."""
        return min(len(self.rows), MAX_SHOWN if self.is_whole else self.block.shown)

    @property
    def has_tracks(self) -> bool:
        """Whether rows are tracks that a player can be given."""
        return any(row.get("track_uri") for row in self.rows)


@dataclass(frozen=True)
class Picture:
    """A cover, or the initials and the tint that stand for it."""

    initials: str
    tint: int
    address: str = ""


@dataclass(frozen=True)
class Page:
    """What a page says.

    Attributes:
        title: Its heading.
        blocks: Its parts, in order.
        lead: A sentence beneath the heading.
        crumbs: Pages above it: name and address.
        links: Further addresses: name and address.
        picture: Cover of what it is about.
        choices: Rows of alternatives: label, and for each its name, address, and whether it is the one shown.
        inputs: What can be typed instead of a choice: label, name in the query string, and value.
        search: What is searched for, where the page is about that.
        has_period: Whether the filters' period applies.
        steps: Address and name of the one before and the one after; empty where there is none.
        has_days: Whether the filters' first and last day apply; they do where the period does.
        unknown: What isn't known and therefore isn't in its blocks, besides what these find to be so.
        template: Template that the page is rendered by.
        extras: What that template shows besides.
    """

    title: str
    blocks: Sequence[Block] = ()
    lead: str = ""
    crumbs: Sequence[tuple[str, str]] = ()
    links: Sequence[tuple[str, str]] = ()
    picture: Picture | None = None
    choices: Sequence[tuple[str, Sequence[tuple[str, str, bool]]]] = ()
    inputs: Sequence[tuple[str, str, str]] = ()
    search: str | None = None
    steps: Sequence[tuple[str, str]] = ()
    has_period: bool = True
    has_days: bool = False
    unknown: Sequence[str] = ()
    template: str = "page.html"
    extras: Mapping[str, Any] = field(default_factory=dict)


def paired(answers: Iterable[AnsweredBlock]) -> set[str]:
    """Names of the blocks that stand beside another one: halves with a half before or after them that is free."""
    found: set[str] = set()
    free = ""
    for answer in answers:
        name = answer.block.name
        if not answer.block.is_half:
            free = ""
        elif free:
            found |= {free, name}
            free = ""
        else:
            free = name
    return found


def untold(page: Page, answers: Iterable[AnsweredBlock]) -> list[str]:
    """What a page leaves out since no file tells it, each once."""
    return [*dict.fromkeys([*(answer.block.about for answer in answers if answer.is_unknown), *page.unknown])]


class NotThereError(Exception):
    """A page is about something that the warehouse doesn't have."""


@dataclass(frozen=True)
class View:
    """What a page is made from: filters, the warehouse, and what else was asked.

    Attributes:
        filters: Filters.
        connection: The warehouse, read-only.
        listeners: All listeners by name.
        asked: The query string's values by name.
    """

    filters: Filters
    connection: duckdb.DuckDBPyConnection
    listeners: Mapping[str, Listener]
    asked: Mapping[str, str] = field(default_factory=dict)

    def query(self, sql: str, **values: Any) -> Query:
        """A query with the filters' values and these."""
        return Query(sql, {**self.filters.parameters, **values})

    def rows(self, sql: str, **values: Any) -> Rows:
        """Rows of a query with the filters' values and these."""
        return self.query(sql, **values).run(self.connection)

    def link(self, path: str, key: str) -> Callable[[ResultRow], str]:
        """Address of the page of a row's entity; empty for members that stand for nothing known."""

        def address(row: ResultRow) -> str:
            found = row[key]
            return (
                "" if found is None or found in (-1, -2, "unknown", "not_applicable") else self.to(f"{path}/{found}")
            )

        return address

    def picture(self, row: ResultRow) -> Picture:
        """Cover of a row's entity, or its initials."""
        name = next((row[name] for name in NAMES if row.get(name)), "?")
        return picture_of(name, row.get("image_url"), are_covers_on=self.filters.covers)

    def to(self, path: str, **changes: Any) -> str:
        """Address of a page with the same filters."""
        return self.filters.address(path, **changes)


def picture_of(name: str, address: str | None, *, are_covers_on: bool) -> Picture:
    """The cover of an entity, or initials. Covers are from Spotify's image server alone, once switched on."""
    words = [word for word in escape_controls(name).split() if word[:1].isalnum()] or [name[:1] or "?"]
    initials = "".join(word[0] for word in (words if len(words) < 2 else (words[0], words[-1]))).upper()
    is_cover = are_covers_on and address is not None and address.startswith(COVERS)
    return Picture(initials, sum(name.encode()) % TINTS, address if is_cover and address else "")


# Where a row's name is, the first that it has.
NAMES = ("album", "track", "playlist", "name", "artist")
COVERS = "https://i.scdn.co/image/"
TINTS = 6
MAX_SHOWN = 1000
FEWEST_DRAWN = 2
# Values of a column that tell nothing.
UNTOLD = (None, "unknown")


def _say(said: Said, rows: Rows) -> str:
    return said if isinstance(said, str) else said(rows) if rows else ""


def _cell(row: ResultRow, column: Column, most: float | None) -> Cell:
    value = row[column.name]
    percent = round(100 * abs(value or 0) / most, 1) if most else None
    link = column.link(row) if column.link and value is not None else ""
    return Cell(escape_controls(written(value, column.kind)), column.styles, link, percent)


def _plain_row(row: ResultRow) -> ResultRow:
    """A row as JSON has it, without keys: JavaScript's numbers can't hold them."""
    return {
        name: value.isoformat()
        if hasattr(value, "isoformat")
        else escape_controls(value)
        if isinstance(value, str)
        else value
        for name, value in row.items()
        if not name.endswith(HIDDEN)
    }
