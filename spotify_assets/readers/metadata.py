"""Landed responses on tracks, albums and artists: a line each, as this project lands them, or the objects alone."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.json import parsed, whole_text
from spotify_assets.readers.responses import (
    Fields,
    artist_fields,
    full_album_fields,
    listed,
    moment,
    spotify_id,
    track_fields,
)
from spotify_assets.readers.text import blocks_of_lines

FIELDS_OF = {"tracks": track_fields, "albums": full_album_fields, "artists": artist_fields}


def singular(kind: str) -> str:
    """`track` of `tracks`."""
    return kind.removesuffix("s")


def landed_line(answer_id: str, status: int, body: Fields | None, fetched_at: str) -> str:
    """The line that stands for a response."""
    line = {"id": answer_id, "fetched_at": fetched_at, "status": status, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_metadata(stream: BinaryIO, name: str, kind: str, max_bytes: int) -> Iterator[Fields | None]:
    """The responses in a landed file, in the columns of the kind's table; None for what is none.

    Args:
        stream: The file, opened at its start.
        name: Its name: `.ndjson` has a response a line, `.json` is one document.
        kind: `tracks`, `albums` or `artists`.
        max_bytes: Size above which a JSON document is refused.

    Raises:
        UnreadableError: where it can't be read.
    """
    if name.lower().endswith(".ndjson"):
        for block in blocks_of_lines(stream):
            yield from (_of_line(line, kind) for line in block.to_pylist())
    else:
        yield from (_fields(entry, kind) for entry in _entries(parsed(whole_text(stream, max_bytes)), kind))


def fields_of(kind: str, body: Fields) -> Fields:
    """What an object tells, in the columns of the kind's table."""
    return FIELDS_OF[kind](body)


def _of_line(line: str, kind: str) -> Fields | None:
    try:
        return _fields(parsed(line), kind)
    except UnreadableError:
        return None


def _entries(document: Any, kind: str) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get(kind), list):
        return listed(document[kind])
    return document if isinstance(document, list) else [document]


def _fields(entry: Any, kind: str) -> Fields | None:
    """The columns of one response, or None."""
    if not isinstance(entry, dict):
        return None
    is_ours = "body" in entry and "status" in entry
    body = entry.get("body") if is_ours else entry
    thing_id = spotify_id(entry if is_ours else body, singular(kind))
    if thing_id is None:
        return None
    is_found = isinstance(body, dict)
    return {
        f"{singular(kind)}_id": thing_id,
        "is_found": is_found,
        "fetched_at": moment(entry.get("fetched_at")) if is_ours else None,
        **(fields_of(kind, body) if isinstance(body, dict) else {}),
    }
