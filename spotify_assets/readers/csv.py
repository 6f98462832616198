"""CSV with the columns of a known format.

Each line is one record, also within quotes: no format has line breaks in fields, and so an unclosed quote breaks one
line rather than the rest of the file.
"""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.formats import detect_format
from spotify_assets.readers.records import Shaping
from spotify_assets.readers.text import read_line_blocks

DELIMITERS = (",", ";", "\t")


def read_csv(stream: BinaryIO, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format from the header line and read the records; see `read_history`.

    Raises:
        NoHistoryError: The first line is not a known header.
        UnreadableError: The file is not UTF-8 text.
    """
    blocks = read_line_blocks(stream)
    first = next(blocks, pa.array([], pa.string()))
    header = first[0].as_py() if len(first) else ""
    for delimiter in DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter), [])
        columns = [name.strip().strip('"') for name in names]
        source_format = detect_format(columns)
        if source_format is not None:
            shaper = shaping(source_format)
            lines = chain([first.slice(1)], blocks)
            return source_format, (shaper.from_columns(_split_lines(block, columns, delimiter)) for block in lines)
    raise NoHistoryError("text whose first line is no header of listening history")


def _split_lines(lines: pa.Array, columns: list[str], delimiter: str) -> pa.Table:
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
