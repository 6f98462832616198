"""JSON arrays of records, NDJSON (one record per line), and pages of recently played tracks."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from math import isfinite
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from spotify_assets.readers import recently_played
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.formats import RECENTLY_PLAYED, detect_format
from spotify_assets.readers.records import Shaping, sample_fields
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.readers.text import decode_utf8, read_line_blocks, strip_bom

SAMPLED_RECORDS = 1000


def read_text(stream: BinaryIO, max_bytes: int) -> str:
    """Read a whole file as text, without its byte order mark.

    Raises:
        UnreadableError: The file is larger than `max_bytes`, or not UTF-8.
    """
    content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UnreadableError(
            f"it is a JSON document of more than {max_bytes / 1e6:,.0f} MB; split it, make it NDJSON "
            "(one record a line), or raise SPOTIFY_ASSETS_MAX_JSON_MB"
        )
    return strip_bom(decode_utf8(content))


def detect_lines_format(lines: pa.Array) -> str | None:
    """Format of the first record, among the first 1,000 lines, that has a known one; None if no record has."""
    return next(filter(None, map(detect_format, sample_fields(lines.slice(0, SAMPLED_RECORDS)))), None)


def read_json_array(stream: BinaryIO, max_bytes: int, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format of a JSON array and read its records; see `read_history`.

    Raises:
        NoHistoryError: No record has a known format.
        UnreadableError: The file can't be parsed, or is larger than `max_bytes`.
    """
    text = read_text(stream, max_bytes)
    records = _elements(text)
    source_format = detect_lines_format(records)
    if source_format is None:
        if plays := recently_played.find_plays(parse_json(text)):
            return _shape_recent_plays(plays, shaping)
        raise NoHistoryError(f"a JSON array of {len(records):,} elements, none of them a play")
    return source_format, iter([shaping(source_format).from_json(records)])


def _elements(text: str) -> pa.Array:
    """The elements of a JSON array, each as JSON text."""
    try:
        rows = duckdb_cursor().execute("SELECT unnest(json_extract($1::JSON, '$[*]')) AS line", [text])
        return rows.to_arrow_table()["line"].combine_chunks()
    except duckdb.Error:
        # Python's parser reports the position of an error, and accepts NaN and lone surrogates, which DuckDB rejects.
        elements = parse_json(text)
        lines = (json.dumps(element, ensure_ascii=False) for element in elements)
        return pa.array([line.encode("utf-8", "replace").decode() for line in lines], pa.string())


def parse_json(text: str) -> Any:
    """Parse a JSON document. NaN and infinite numbers become text.

    Raises:
        UnreadableError: The text is not valid JSON; the message has the position and never quotes the text.
    """
    try:
        return json.loads(text, parse_constant=str, parse_float=_parse_finite)
    except json.JSONDecodeError as error:
        cut = (
            " (was the download cut off?)"
            if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
            else ""
        )
        raise UnreadableError(
            f"it is no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}{cut}"
        ) from None
    except RecursionError:
        raise UnreadableError("it is JSON nested too deeply to be listening history") from None
    except ValueError:
        raise UnreadableError("it has a whole number of thousands of digits") from None


def _parse_finite(text: str) -> float | str:
    """A float, or its text where it overflows: JSON can't represent infinity when the record is written back."""
    number = float(text)
    return number if isfinite(number) else text


def read_json_object_or_lines(stream: BinaryIO, max_bytes: int, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format of NDJSON, or of a page of recently played tracks, and read its records; see `read_history`.

    Raises:
        NoHistoryError: The file is another JSON object, or NDJSON whose lines have no known format.
        UnreadableError: The file is neither NDJSON nor a JSON object, or an object larger than `max_bytes`.
    """
    blocks = read_line_blocks(stream)
    first = next(blocks, pa.array([], pa.string()))
    source_format = detect_lines_format(first)
    if source_format is not None:
        shaper = shaping(source_format)
        return source_format, (shaper.from_json(block) for block in chain([first], blocks))
    if sample_fields(first.slice(0, 1)) and len(first) > 1:
        raise NoHistoryError("NDJSON, none of its first records a play")
    stream.seek(0)
    document = parse_json(read_text(stream, max_bytes))
    if plays := recently_played.find_plays(document):
        return _shape_recent_plays(plays, shaping)
    keys = ", ".join(_field_names(document))
    raise NoHistoryError(f"a JSON object, no list of plays (its fields: {keys})")


def _shape_recent_plays(items: list[Any], shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    table = recently_played.plays_table(items)
    return RECENTLY_PLAYED, iter([shaping(RECENTLY_PLAYED).from_columns(table)])


def _field_names(document: Iterable[str]) -> list[str]:
    """The first field names, for an error message; names that could hold personal data are left out."""
    return [name for name in list(document)[:5] if re.fullmatch(r"[A-Za-z_]{1,30}", name)]
