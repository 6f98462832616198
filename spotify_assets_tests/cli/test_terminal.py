"""What is printed: whole values, and nothing that a terminal obeys."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from spotify_assets.cli import terminal
from spotify_assets.cli.terminal import plain, plain_lines, print_csv, print_json, print_rows

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\n[bold]x[/]"
ESCAPED = r"\x1b]0;owned\x07\x9b2J\u202e\n[bold]x[/]"


def a_terminal(width):
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)


def shown(names, rows, width=None, **options):
    """Lines on a terminal of a width, or without one in a pipe."""
    console = a_terminal(width) if width else Console(file=io.StringIO(), width=80)
    print_rows(console, names, rows, **options)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("value", "of_a_query", "of_a_report"),
    [
        (None, "-", "-"),
        (True, "true", "true"),
        (1234567, "1234567", "1,234,567"),
        (0.5, "0.5", "0.5"),
        (2.0, "2.0", "2"),
        (1 / 3, "0.3333333333333333", "0.333"),
        (1e-5, "1e-05", "0"),
        (Decimal("12345678901234567890.5"), "12345678901234567890.5", "12345678901234567890.5"),
        (["a", "b\x1b"], r"['a', 'b\x1b']", r"['a', 'b\x1b']"),
        ("[bold]a[/]", "[bold]a[/]", "[bold]a[/]"),
        (HOSTILE, ESCAPED, ESCAPED),
    ],
)
def test_values(value, of_a_query, of_a_report):
    assert shown(["x"], [[value]])[2:] == [of_a_query]
    assert shown(["x"], [[value]], is_report=True)[2:] == [of_a_report]


KEY, OTHER = 9223372036854775807, -1234567890123456789
WIDE = (["track_key", "track_name", "album_name"], [(KEY, "a" * 50, "b" * 50), (OTHER, "日本語のうた", None)])


def test_what_fits_is_a_table_and_what_does_not_is_vertical():
    as_table = [
        "           track_key  track_name                                          album_name",
        f"{'─' * 20}  {'─' * 50}  {'─' * 50}",
        f" {KEY}  {'a' * 50}  {'b' * 50}",
        f"{OTHER}  日本語のうた{' ' * 38}  -",
    ]
    assert shown(*WIDE, width=124) == shown(*WIDE) == as_table
    assert shown(*WIDE, width=123) == [
        "── 1 ──",
        f"track_key   {KEY}",
        f"track_name  {'a' * 50}",
        f"album_name  {'b' * 50}",
        "── 2 ──",
        f"track_key   {OTHER}",
        "track_name  日本語のうた",
        "album_name  -",
    ]


@pytest.mark.parametrize("text", ["plain", "日本語", "👨‍👩‍👧", "e\u0301", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", ""])
def test_columns_stay_aligned(text):
    line = shown(["a", "b"], [(text, "|"), ("a" * 12, "|")])[2]
    assert cell_len(line.partition("|")[0]) == 14


@pytest.mark.parametrize("width", [None, 40, 200])
def test_no_row_and_no_column(width):
    assert shown(["name", "count"], [], width)[0] == "name  count"
    assert shown([], [], width) == []
    assert shown(["n" * 50], [], 40) == ["n" * 50, "no rows"]


def test_a_report_folds_its_first_column_before_it_goes_vertical():
    rows = [("Streaming_History_Audio_2014.json", "read", 1234567), ("a", "new", None)]
    assert shown(["file", "state", "records"], rows, 36, title="anna\x1b", is_report=True) == [
        r"anna\x1b",
        "file                state    records",
        f"{'─' * 18}  {'─' * 5}  {'─' * 9}",
        "Streaming_History_  read   1,234,567",
        "Audio_2014.json",
        "a                   new            -",
    ]
    assert "records  1,234,567" in shown(["file", "state", "records"], rows, 24, is_report=True)


def test_numbers_are_to_the_right():
    assert shown(["name", "count"], [["a", 1], ["b", None], ["c", 1000]])[2:] == [
        "a         1",
        "b         -",
        "c      1000",
    ]


def test_a_hundred_thousand_rows_are_whole():
    lines = shown(["n"], [(number,) for number in range(100_000)], 80)
    assert (len(lines), lines[-1]) == (100_002, "99999")


def test_texts_of_others_are_neither_markup_nor_control():
    console = a_terminal(200)
    console.print(f"[bold]{plain(HOSTILE)}[/]", soft_wrap=True)
    console.print(plain_lines("a\x1b\nb"), soft_wrap=True)
    assert console.file.getvalue() == f"{ESCAPED}\na\\x1b\nb\n"


def test_a_console_lets_no_control_through_however_it_is_printed(monkeypatch):
    """Also of text that nobody escaped."""
    console = terminal.open_console()
    console.file = io.StringIO()
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    for printed in (HOSTILE, table):
        console.print(printed, markup=False)
    assert len(console.file.getvalue()) > 100
    assert not set("\x1b\x07\x9b\u202e") & set(console.file.getvalue())


def test_a_pipe_cuts_and_wraps_nothing(capsys):
    terminal.open_console().print("a b " * 100)
    assert capsys.readouterr().out == "a b " * 100 + "\n"


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_csv_is_exact_in_a_file_and_harmless_on_a_terminal():
    for file, text in ((io.StringIO(newline=""), HOSTILE), (Screen(newline=""), ESCAPED)):
        print_csv(["a", "b"], [(HOSTILE, -1), (None, 1.5)], file, neutralize_formulas=False)
        assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [["a", "b"], [text, "-1"], ["", "1.5"]]


def test_csv_with_formulas_neutralized():
    file = io.StringIO(newline="")
    print_csv(["=a"], [("=1+1",), ("a",), (-1,)], file, neutralize_formulas=True)
    assert file.getvalue().splitlines() == ['"\'=a"', '"\'=1+1"', '"a"', "-1"]


def test_json_is_complete_and_valid():
    def no_constant(name):
        raise AssertionError(name)

    file = io.StringIO()
    row = (1, 2, 3, float("nan"), [float("inf"), {"a": -float("inf")}], HOSTILE, date(2024, 1, 31), None)
    print_json(["a", "a", "a_1", "n", "l", "t", "d", "z"], [row], file)
    assert json.loads(file.getvalue(), parse_constant=no_constant) == [
        {
            "a": 1,
            "a_2": 2,
            "a_1": 3,
            "n": "NaN",
            "l": ["Infinity", {"a": "-Infinity"}],
            "t": HOSTILE,
            "d": "2024-01-31",
            "z": None,
        }
    ]
    assert not set("\x1b\x07\x9b\u202e") & set(file.getvalue())
