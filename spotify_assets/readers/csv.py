"""CSV with the columns of a known format.

A record is a line: no field of any format holds a line break, and so a quote that is never closed breaks its own
line, and not all that follow.
"""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.formats import format_of
from spotify_assets.readers.records import RecordShaper
from spotify_assets.readers.text import blocks_of_lines

DELIMITERS = (",", ";", "\t")


def read(stream: BinaryIO) -> tuple[str, Iterator[pa.Table]]:
    """Format and records.

    Raises:
        NoHistoryError: where the first line is no known header.
        UnreadableError: where it is no text.
    """
    blocks = blocks_of_lines(stream)
    first = next(blocks, pa.array([], pa.string()))
    header = first[0].as_py() if len(first) else ""
    for delimiter in DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter), [])
        columns = [name.strip().strip('"') for name in names]
        source_format = format_of(columns)
        if source_format is not None:
            shaper = RecordShaper(source_format)
            lines = chain([first.slice(1)], blocks)
            return source_format, (shaper.from_columns(_rows(block, columns, delimiter)) for block in lines)
    raise NoHistoryError("text whose first line is no header of listening history")


def _rows(lines: pa.Array, columns: list[str], delimiter: str) -> pa.Table:
    """One row a line, in the lines' order; `raw_record` says what is wrong with a line that could not be split."""
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
            # One block, one thread: only so does Arrow number the rows that it skips.
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
