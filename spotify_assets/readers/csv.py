"""CSV with the columns of a known format.

Each line is one record, also within quotes: no format has line breaks in fields, and so an unclosed quote breaks one
line rather than the rest of the file.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.formats import LASTFM, DetectedFormat, detect_format
from spotify_assets.readers.lines import read_line_blocks
from spotify_assets.readers.records import Shaping
from spotify_assets.readers.text import DELIMITERS, TextStream

# Columns of https://benjaminbenben.com/lastfm-to-csv, which writes no header, and the time in the last one.
SCROBBLE_COLUMNS = ["artist", "album", "track", "date"]
SCROBBLE_TIME = re.compile(r"\d\d? [A-Z][a-z]{2} \d{4},? \d\d:\d\d")
SAMPLED_LINES = 20
# Excel's first line in a CSV with another separator than a comma.
SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)


def read_csv(stream: TextStream, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format from the header line and read the records; see `read_history`.

    Raises:
        NoHistoryError: The first line, or the one after `sep=;`, is not a known header.
        UnreadableError: The file is no text.
    """
    blocks = read_line_blocks(stream)
    first = next(blocks, pa.array([], pa.string()))
    delimiters: Sequence[str] = DELIMITERS
    if len(first) and (told := SEPARATOR_LINE.fullmatch(first[0].as_py())):
        first, delimiters = first.slice(1), told[1]
        first = first if len(first) else next(blocks, first)
    header = first[0].as_py() if len(first) else ""
    for delimiter in delimiters:
        columns = header_names(header, delimiter)
        if detected := detect_format(columns, is_flat=True):
            return _shape_lines(detected, chain([first.slice(1)], blocks), columns, delimiter, shaping)
        if any(_is_scrobble(line, delimiter) for line in first.slice(0, SAMPLED_LINES).to_pylist()):
            detected = DetectedFormat(LASTFM, {})
            return _shape_lines(detected, chain([first], blocks), SCROBBLE_COLUMNS, delimiter, shaping)
    raise NoHistoryError("text whose first line is no header of listening history")


def _shape_lines(
    detected: DetectedFormat, blocks: Iterable[pa.Array], columns: list[str], delimiter: str, shaping: Shaping
) -> tuple[str, Iterator[pa.Table]]:
    shaper = shaping(*detected)
    return detected.name, (shaper.from_columns(split_lines(block, columns, delimiter)) for block in blocks)


def _is_scrobble(line: str, delimiter: str) -> bool:
    """Whether a line is artist, album, track and time, as an exporter of Last.fm writes them without a header."""
    values = next(csv.reader([line], delimiter=delimiter), [])
    return len(values) == len(SCROBBLE_COLUMNS) and bool(SCROBBLE_TIME.fullmatch(values[-1]))


def header_names(header: str, delimiter: str) -> list[str]:
    """The names in a header line, without quotes and blanks around them; a name that occurs again gets a number."""
    names: list[str] = []
    for name in next(csv.reader([header], delimiter=delimiter), []):
        # An exporter of Last.fm writes `Date#` and the name of the user.
        name = re.sub(r"^(date)#.*", r"\1", name.strip().strip("\"'").strip(), flags=re.IGNORECASE)
        names.append(name if name not in names else f"{name} {len(names)}")
    return names


def split_lines(lines: pa.Array, columns: list[str], delimiter: str) -> pa.Table:
    """One row per line, in order. For a line that could not be split, `raw_record` is the reason."""
    problems: dict[int, str] = {}
    unbalanced = pc.equal(pc.bit_wise_and(pc.count_substring(lines, '"'), 1), 1)
    for row in pc.indices_nonzero(unbalanced).to_pylist():
        problems[row] = "has a quote that is never closed"
    balanced = pc.indices_nonzero(pc.invert(unbalanced)).to_pylist() if problems else range(len(lines))
    if len(balanced):
        text = pc.binary_join(
            pa.ListArray.from_arrays([0, len(balanced)], lines.take(pa.array(balanced)) if problems else lines),
            "\n",
        )[0]

        def note(row: arrow_csv.InvalidRow) -> str:
            problems[balanced[row.number - 1]] = f"has {row.actual_columns} columns, not {row.expected_columns}"
            return "skip"

        parsed = arrow_csv.read_csv(
            pa.BufferReader(text.as_buffer()),
            # Arrow numbers the rows that it skips only with one block and one thread.
            arrow_csv.ReadOptions(
                use_threads=False, column_names=columns, block_size=max(1 << 20, len(text.as_buffer()) + 1)
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=False, invalid_row_handler=note),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    else:
        parsed = pa.table({name: pa.array([], pa.string()) for name in columns})
    if not problems:
        return parsed
    good = [row for row in range(len(lines)) if row not in problems]
    position = {row: place for place, row in enumerate(good)}
    lengths = pc.utf8_length(lines)
    return parsed.take(pa.array([position.get(row) for row in range(len(lines))], pa.int64())).append_column(
        "raw_record",
        pa.array(
            [
                f"row, {lengths[row]} characters: {problems[row]}" if row in problems else None
                for row in range(len(lines))
            ],
            pa.string(),
        ),
    )
