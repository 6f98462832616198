"""What a person corrects: CSV files below `overrides` in the landing zone. A bad line is told and skipped."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.formats import DATE_ORDERS
from spotify_assets.readers.text import DELIMITERS, TextStream, decode_utf8, read_full, strip_bom
from spotify_assets.settings import DateOrder, Settings
from spotify_assets.storage import OutsideStorageError, StorageError

OVERRIDES = "overrides"
# Of a file of overrides.
MAX_BYTES = 64 << 20
DATE_ORDER_FILE = f"{OVERRIDES}/date_order.csv"
UNCLOSED = "has a quote that is never closed; no more lines are read"


@dataclass(frozen=True)
class OverrideProblem:
    """A line that is skipped, or a whole file: its path below the landing zone, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class DateOrders:
    """Orders of day and month, for files whose dates can be read in both.

    Attributes:
        default: Order of files that don't show it; the setting.
        by_source: Order of files, or of members of archives, by path below the landing zone; whatever they show.
        lines: Number of the line of each of these paths.
        problems: Lines that are skipped.
    """

    default: DateOrder | None = None
    by_source: Mapping[str, DateOrder] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[OverrideProblem, ...] = ()

    def of(self, source: str) -> DateOrder | None:
        """The order that a person wrote for a source, or for the archive that it is in."""
        return self.by_source.get(source) or self.by_source.get(source.partition("!")[0])

    def version(self, landed_file: str, *, depends_on_default: bool) -> str:
        """What determines how dates of a landed file are read, for its reader's version; empty for most files."""
        own = [
            f"{source.removeprefix(landed_file)}={order}"
            for source, order in sorted(self.by_source.items())
            if source.partition("!")[0] == landed_file
        ]
        default = [f"else {self.default}"] if depends_on_default and self.default else []
        return f" dates {' '.join(own + default)}" if own or default else ""

    def unmatched(self, landed_files: Iterable[str]) -> Iterator[OverrideProblem]:
        """Lines that name no landed file."""
        present = set(landed_files)
        for source, line in self.lines.items():
            if source.partition("!")[0] not in present:
                yield OverrideProblem(DATE_ORDER_FILE, f"line {line}: there is no file {source!r} in the landing zone")


def read_date_orders(landing: LandingZone, settings: Settings) -> DateOrders:
    """Read `overrides/date_order.csv`, with the columns source_file and order, and the setting.

    Raises:
        StorageError: The landing zone can't be reached, or the file not be read now.
    """
    orders: dict[str, DateOrder] = {}
    lines: dict[str, int] = {}
    problems: list[OverrideProblem] = []
    for line, row in override_rows(landing, DATE_ORDER_FILE, ("source_file", "order"), problems):
        order = next((order for order in DATE_ORDERS if order == row["order"].lower()), None)
        if order is None or not row["source_file"]:
            problems.append(
                OverrideProblem(
                    DATE_ORDER_FILE,
                    f"line {line}: expected a file and {' or '.join(DATE_ORDERS)}, got {row['order']!r}",
                )
            )
            continue
        orders[row["source_file"]], lines[row["source_file"]] = order, line
    return DateOrders(settings.date_order, orders, lines, tuple(problems))


def override_rows(
    landing: LandingZone, path: str, columns: tuple[str, ...], problems: list[OverrideProblem]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file of overrides: the number of the line, and trimmed text by column. None if there is no file.

    What can't be used is added to `problems`: the whole file, or a line with another number of columns.

    Raises:
        StorageError: The file can't be read now.
    """
    try:
        text = overrides_text(landing, path)
    except UnreadableError as error:
        problems.append(OverrideProblem(path, f"it can't be used: {error}"))
        return
    if text is None:
        return
    names, delimiter = find_header(text, columns)
    if not names:
        problems.append(OverrideProblem(path, f"its first line is not the header {','.join(columns)}"))
        return
    for line, values in _numbered_rows(text, delimiter):
        if values is None:
            problems.append(OverrideProblem(path, f"line {line} {UNCLOSED}"))
            return
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(names):
            problems.append(OverrideProblem(path, f"line {line} has {len(values)} columns, not {len(names)}"))
            continue
        yield line, {name: value.strip() for name, value in zip(names, values, strict=True)}


def _numbered_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Rows after the header with the number of their first line; None, as the last, for one whose quote isn't closed.

    That goes on to the end of the file, or exceeds what the library takes for one value (128 KB).
    """
    lines = list(io.StringIO(text, newline=""))
    rows = csv.reader(lines, delimiter=delimiter)
    next(rows)
    begin = rows.line_num
    try:
        for values in rows:
            if rows.line_num - begin > 1 and "".join(lines[begin : rows.line_num]).count('"') % 2:
                break
            yield begin + 1, values
            begin = rows.line_num
        else:
            return
    except csv.Error:
        pass
    yield begin + 1, None


def overrides_text(landing: LandingZone, path: str) -> str | None:
    """Text of a file of overrides, with its byte order mark; None if there is no file.

    Raises:
        UnreadableError: It is no UTF-8, or larger than `MAX_BYTES`.
        StorageError: It can't be read now.
    """
    try:
        with landing.open(path) as stream:
            content = read_full(TextStream(stream), MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, OutsideStorageError) as error:
        # Without its lines, what was read by them would be read again without them.
        raise StorageError(
            f"{path} can't be read now: {(getattr(error, 'strerror', None) or str(error)).lower()}"
        ) from None
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"it has more than {MAX_BYTES >> 20} MB")
    return decode_utf8(content)


def find_header(text: str, needed: Sequence[str]) -> tuple[list[str], str]:
    """Names of the columns, in lower case, and the separator; no names where the first line lacks a needed one."""
    for delimiter in DELIMITERS:
        rows = csv.reader(io.StringIO(strip_bom(text), newline=""), delimiter=delimiter)
        try:
            names = [name.strip().lower() for name in next(rows, [])]
        except csv.Error:
            # A value of more than 128 KB, which no header has.
            continue
        if set(needed) <= set(names):
            return names, delimiter
    return [], ","
