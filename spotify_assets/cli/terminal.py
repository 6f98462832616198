"""What commands print: whole values, and nothing that a terminal would obey."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TextIO

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.control import Control
from rich.markup import escape
from rich.text import Text

from spotify_assets.escaping import CONTROLS, escape_controls, neutralize_formula

GREEN = "#1db954"
GAP = "  "
# Without a terminal nothing is wrapped or cut.
PIPE_WIDTH = 1_000_000
# Narrower than that, a folded column is harder to read than a vertical layout.
MIN_FOLDED = 12


def open_console(*, stderr: bool = False) -> Console:
    """A console on standard output or error, on which no text is live: see `_EscapeControls`."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)
    console.push_render_hook(_EscapeControls())
    return console


class _EscapeControls(RenderHook):
    """Escape control characters in whatever is printed, except rich's own."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [one if isinstance(one, Control) else _Escaped(one) for one in renderables]


class _Escaped:
    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.renderable, options):
            if segment.control:
                yield segment
            else:
                text = "\n".join(map(escape_controls, segment.text.split("\n")))
                yield segment._replace(text=text)


def plain(text: object) -> str:
    """Text of others, for a string with rich's markup: one line, in which no markup or control character is live."""
    return escape(escape_controls(str(text)))


def plain_lines(text: str) -> str:
    """`plain` of each line."""
    return "\n".join(map(plain, text.splitlines()))


def print_rows(
    console: Console,
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    is_report: bool = False,
) -> None:
    """Print rows as a table of whole values, or vertically where it is wider than the terminal.

    rich's own table would take a minute for 100,000 rows, and cuts or folds what doesn't fit.

    Args:
        console: Where to.
        names: Names of the columns.
        rows: Values of each row.
        title: Line above the table.
        is_report: Numbers have thousands separators and at most three decimals; the first column is folded where
            that makes the table fit.
    """
    if not names:
        return
    values = [list(row) for row in rows]
    heads = [escape_controls(name) for name in names]
    cells = [[_shown(value, is_report=is_report) for value in row] for row in values]
    columns = list(zip(*cells, strict=True)) or [()] * len(heads)
    widths = [max(map(_width, (head, *column))) for head, column in zip(heads, columns, strict=True)]
    is_number = [_is_number(column) for column in zip(*values, strict=True)] or [False] * len(heads)
    if title:
        console.print(Text(escape_controls(title), style=f"bold {GREEN}"), soft_wrap=True)
    missing = sum(widths) + len(GAP) * (len(widths) - 1) - (console.width if console.is_terminal else PIPE_WIDTH)
    if missing > 0 and is_report:
        folded = max(widths[0] - missing, min(widths[0], MIN_FOLDED))
        widths[0], missing = folded, missing - (widths[0] - folded)
    if missing > 0:
        _print_vertically(console, heads, cells)
        return

    def line(row: Sequence[str]) -> str:
        return GAP.join(map(_padded, row, widths, is_number)).rstrip()

    console.print(Text(line(heads), style="bold"), soft_wrap=True)
    console.print(Text(GAP.join("─" * width for width in widths), style="dim"), soft_wrap=True)
    for row in cells:
        first, *more = chop_cells(row[0], widths[0]) if _width(row[0]) > widths[0] else row[:1]
        console.file.write(line([first, *row[1:]]) + "\n")
        console.file.writelines(f"{part}\n" for part in more)


def _print_vertically(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a line for each value. The terminal wraps a long one, without a line break in what is copied."""
    width = max(map(_width, heads))
    for number, row in enumerate(rows, 1):
        console.file.write(f"── {number:,} ──\n")
        for head, cell in zip(heads, row, strict=True):
            console.file.write(f"{_padded(head, width, False)}{GAP}{cell}".rstrip() + "\n")
    if not rows:
        console.file.write("".join(f"{head}\n" for head in heads))
        console.print("[dim]no rows[/]")


def _padded(text: str, width: int, to_the_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if to_the_right else text + blanks


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _is_number(column: Sequence[Any]) -> bool:
    present = [value for value in column if value is not None]
    return bool(present) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in present
    )


def _shown(value: Any, *, is_report: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and is_report:
        return f"{value:,}"
    if isinstance(value, float) and is_report:
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return escape_controls(str(value))


def print_csv(names: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO, *, neutralize_formulas: bool) -> None:
    """Write rows as CSV: text as it is, but on a terminal without control characters.

    Args:
        names: Names of the columns.
        rows: Values of each row.
        file: Where to.
        neutralize_formulas: Prefix text with `'` that a spreadsheet would run, and quote all text.
    """

    def written(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = neutralize_formula(value) if neutralize_formulas else value
        return escape_controls(text) if file.isatty() else text

    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC if neutralize_formulas else csv.QUOTE_MINIMAL)
    writer.writerow(map(written, names))
    writer.writerows([*map(written, row)] for row in rows)


def print_json(names: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO) -> None:
    """Write rows as a JSON array of objects.

    A name that occurs twice gets a number: `a`, `a_1`. Numbers that JSON lacks are text: `"NaN"`, `"Infinity"`,
    `"-Infinity"`. Characters that a terminal would obey are escaped; parsers read them as they were.
    """
    keys = [*_unique(names)]
    objects = [dict(zip(keys, map(_jsonable, row), strict=True)) for row in rows]
    text = json.dumps(objects, default=str, ensure_ascii=False, allow_nan=False)
    file.write(CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def _unique(names: Sequence[str]) -> Iterator[str]:
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        unique, number = name, 0
        while unique in seen or (number and unique in taken):
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        yield unique


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value
