"""JSON arrays of records, NDJSON (one record per line), and pages of recently played tracks."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from math import isfinite
from typing import Any

import duckdb
import pyarrow as pa

from spotify_assets.readers import recently_played, scrobbles
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.formats import LASTFM, RECENTLY_PLAYED, DetectedFormat, detect_format, spelled_fields
from spotify_assets.readers.lines import read_line_blocks
from spotify_assets.readers.records import Shaping, sample_fields
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.readers.text import Readable, TextStream, decode_utf8, read_full, strip_bom

SAMPLED_RECORDS = 1000
# Of a response of the Web API; those with fifty plays have 100 to 200 KB.
PAGE_BYTES = 1 << 20
BLANKS = re.compile(r"\s*")
# What stands in front of JSON in a script, and what servers put there so that it can't be run as one.
JAVASCRIPT_PREFIX = re.compile(
    r"""(?:\)\]\}',?|(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$]*(?:\.[\w$]+|\[["'\w$]+\])*\s*=)\s*(?=[\[{])"""
)


def read_text(stream: Readable, max_bytes: int) -> str:
    """Read a whole file as text, without its byte order mark.

    Raises:
        UnreadableError: The file is larger than `max_bytes`, or no text.
    """
    content = read_full(stream, max_bytes + 1)
    if len(content) > max_bytes:
        raise UnreadableError(
            f"it is a JSON document of more than {max_bytes / 1e6:,.0f} MB; split it, make it NDJSON "
            "(one record a line), or raise SPOTIFY_ASSETS_MAX_JSON_MB"
        )
    return strip_bom(decode_utf8(content))


def has_javascript_prefix(start: str) -> bool:
    """Whether a file starts as a script does that assigns JSON to a variable."""
    return bool(JAVASCRIPT_PREFIX.match(start))


def _without_javascript(text: str) -> str:
    text = text.strip("\0 \t\r\n")
    prefix = JAVASCRIPT_PREFIX.match(text)
    return text[prefix.end() :].rstrip(" \t\r\n;") if prefix else text


def detect_lines_format(lines: pa.Array) -> DetectedFormat | None:
    """Format of the first record, among the first 1,000 lines, that has a known one; None if no record has."""
    sample = sample_fields(lines.slice(0, SAMPLED_RECORDS))
    if first := next(filter(None, map(detect_format, sample)), None):
        # It may lack fields of others.
        fields = dict.fromkeys(chain(first.spelled.values(), chain.from_iterable(sample)))
        return DetectedFormat(first.name, spelled_fields(first.name, fields))
    return None


def read_json_document(stream: TextStream, max_bytes: int, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format of a file that is JSON as a whole and read its records; see `read_history`.

    It may be an array of records, several arrays one after the other, one record, or pages of recently played tracks,
    of Spotify's or Last.fm's API; in front may be what a script assigns it to, as in `var plays = [...];`.

    Raises:
        NoHistoryError: No record has a known format.
        UnreadableError: The file can't be parsed, or is larger than `max_bytes`.
    """
    text = _without_javascript(read_text(stream, max_bytes))
    records = _elements(text)
    if detected := detect_lines_format(records):
        return detected.name, iter([shaping(*detected).from_json(records)])
    documents = parse_documents(text)
    document = documents[0] if len(documents) == 1 else _flatten(documents)
    if plays := recently_played.find_plays(document):
        return _recently_played(plays, shaping)
    if played := scrobbles.find_scrobbles(document):
        return LASTFM, iter([shaping(LASTFM, {}).from_columns(scrobbles.lastfm_table(played))])
    if isinstance(document, dict):
        raise NoHistoryError(f"a JSON object, no list of plays (its fields: {', '.join(_field_names(document))})")
    raise NoHistoryError(f"a JSON array of {len(records):,} elements, none of them a play")


def _elements(text: str) -> pa.Array:
    """The elements of all JSON arrays in a text, and objects outside of arrays, each as JSON text."""
    if text.startswith("["):
        with suppress(duckdb.Error):
            rows = duckdb_cursor().execute("SELECT unnest(json_extract($1::JSON, '$[*]')) AS line", [text])
            return rows.to_arrow_table()["line"].combine_chunks()
    # Python's parser reports the position of an error, and accepts several documents, NaN, and lone surrogates.
    lines = (json.dumps(element, ensure_ascii=False) for element in _flatten(parse_documents(text)))
    return pa.array([line.encode("utf-8", "replace").decode() for line in lines], pa.string())


def _flatten(documents: list[Any]) -> list[Any]:
    return [element for one in documents for element in (one if isinstance(one, list) else [one])]


def parse_json(text: str) -> Any:
    """Parse a JSON document. NaN and infinite numbers become text.

    Raises:
        UnreadableError: The text is not valid JSON; the message has the position and never quotes the text.
    """
    with _translate_errors(text):
        return json.loads(text, parse_constant=str, parse_float=_parse_finite)


def parse_documents(text: str) -> list[Any]:
    """Parse JSON documents that follow each other, as when somebody joins files; raises as `parse_json`."""
    decoder = json.JSONDecoder(parse_constant=str, parse_float=_parse_finite)
    documents: list[Any] = []
    position = 0
    with _translate_errors(text):
        while position < len(text):
            document, position = decoder.raw_decode(text, position)
            documents.append(document)
            position += len(blanks[0]) if (blanks := BLANKS.match(text, position)) else 0
    return documents


@contextmanager
def _translate_errors(text: str) -> Iterator[None]:
    """Raise what a JSON parser raises as UnreadableError."""
    try:
        yield
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


def read_json_object_or_lines(stream: TextStream, max_bytes: int, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format of NDJSON, or of a JSON object, and read its records; see `read_history`.

    Raises:
        NoHistoryError: The file is another JSON object, or NDJSON whose lines have no known format.
        UnreadableError: The file is neither NDJSON nor a JSON object, or an object larger than `max_bytes`.
    """
    if plays := _plays_of_a_page(stream):
        return _recently_played(plays, shaping)
    blocks = read_line_blocks(stream)
    first = next(blocks, pa.array([], pa.string()))
    if detected := detect_lines_format(first):
        shaper = shaping(*detected)
        return detected.name, (shaper.from_json(block) for block in chain([first], blocks))
    if (
        sample_fields(first.slice(0, 1))
        and len(first) > 1
        and not scrobbles.find_scrobbles(parse_json(first[0].as_py()))
    ):
        raise NoHistoryError("NDJSON, none of its first records a play")
    stream.rewind()
    return read_json_document(stream, max_bytes, shaping)


def _recently_played(plays: list[Any], shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    table = recently_played.plays_table(plays)
    return RECENTLY_PLAYED, iter([shaping(RECENTLY_PLAYED, {}).from_clean_columns(table)])


def _plays_of_a_page(stream: TextStream) -> list[Any] | None:
    """The plays of a file that is one page of recently played tracks; None, and the stream at its start, if it is not.

    Thousands of polls are such files, and to look for the format of their lines first would take most of the time.
    """
    content = read_full(stream, PAGE_BYTES + 1)
    if len(content) <= PAGE_BYTES and b'"played_at"' in content:
        with suppress(UnreadableError):
            page = parse_json(strip_bom(decode_utf8(content)))
            if isinstance(page, dict) and not detect_format(page) and (plays := recently_played.find_plays(page)):
                return plays
    stream.rewind()
    return None


def _field_names(document: Iterable[str]) -> list[str]:
    """The first field names, for an error message; names that could hold personal data are left out."""
    return [name for name in list(document)[:5] if re.fullmatch(r"[A-Za-z_]{1,30}", name)]
