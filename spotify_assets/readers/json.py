"""JSON: an array of records, or a record a line."""

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
from spotify_assets.readers.formats import RECENTLY_PLAYED, format_of
from spotify_assets.readers.records import RecordShaper, sample_fields
from spotify_assets.readers.scratch import cursor
from spotify_assets.readers.text import blocks_of_lines, decoded, without_bom

SAMPLED_RECORDS = 1000


def whole_text(stream: BinaryIO, max_bytes: int) -> str:
    """The whole file as text.

    Raises:
        UnreadableError: where it is too large to be read at once, or no UTF-8.
    """
    content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UnreadableError(
            f"it is a JSON document of more than {max_bytes / 1e6:,.0f} MB; split it, make it NDJSON "
            "(one record a line), or raise SPOTIFY_ASSETS_MAX_JSON_MB"
        )
    return without_bom(decoded(content))


def recognized(lines: pa.Array) -> str | None:
    """The format of the first record that has one."""
    return next(filter(None, map(format_of, sample_fields(lines.slice(0, SAMPLED_RECORDS)))), None)


def read_array(stream: BinaryIO, max_bytes: int) -> tuple[str, Iterator[pa.Table]]:
    """Format and records of a JSON array.

    Raises:
        NoHistoryError: where no record is of a known format.
        UnreadableError: where it can't be parsed.
    """
    text = whole_text(stream, max_bytes)
    records = _elements(text)
    source_format = recognized(records)
    if source_format is None:
        if plays := recently_played.items_of(parsed(text)):
            return _recent_plays(plays)
        raise NoHistoryError(f"a JSON array of {len(records):,} elements, none of them a play")
    return source_format, iter([RecordShaper(source_format).from_json(records)])


def _elements(text: str) -> pa.Array:
    """Every element of a JSON array as JSON text."""
    try:
        rows = cursor().execute("SELECT unnest(json_extract($1::JSON, '$[*]')) AS line", [text])
        return rows.to_arrow_table()["line"].combine_chunks()
    except duckdb.Error:
        # Python's parser says where it went wrong, and takes what DuckDB's doesn't: half a surrogate pair, NaN.
        elements = parsed(text)
        lines = (json.dumps(element, ensure_ascii=False) for element in elements)
        return pa.array([line.encode("utf-8", "replace").decode() for line in lines], pa.string())


def parsed(text: str) -> Any:
    """The JSON document.

    Raises:
        UnreadableError: saying where it is broken, without quoting it.
    """
    try:
        return json.loads(text, parse_constant=str, parse_float=_finite)
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


def _finite(text: str) -> float | str:
    """The number; its text where no number is that large, as JSON has no infinity to write it back."""
    number = float(text)
    return number if isfinite(number) else text


def read_object_or_lines(stream: BinaryIO, max_bytes: int) -> tuple[str, Iterator[pa.Table]]:
    """Format and records of NDJSON, or of a page of recently played tracks.

    Raises:
        NoHistoryError: where it is another JSON object, or no line is of a known format.
        UnreadableError: where it is neither.
    """
    blocks = blocks_of_lines(stream)
    first = next(blocks, pa.array([], pa.string()))
    source_format = recognized(first)
    if source_format is not None:
        shaper = RecordShaper(source_format)
        return source_format, (shaper.from_json(block) for block in chain([first], blocks))
    if sample_fields(first.slice(0, 1)) and len(first) > 1:
        raise NoHistoryError("NDJSON, none of its first records a play")
    stream.seek(0)
    document = parsed(whole_text(stream, max_bytes))
    if plays := recently_played.items_of(document):
        return _recent_plays(plays)
    keys = ", ".join(_field_names(document))
    raise NoHistoryError(f"a JSON object, no list of plays (its fields: {keys})")


def _recent_plays(items: list[Any]) -> tuple[str, Iterator[pa.Table]]:
    table = recently_played.as_columns(items)
    return RECENTLY_PLAYED, iter([RecordShaper(RECENTLY_PLAYED).from_columns(table)])


def _field_names(document: Iterable[str]) -> list[str]:
    """Field names that look like names: a field could also be a person's."""
    return [name for name in list(document)[:5] if re.fullmatch(r"[A-Za-z_]{1,30}", name)]
