"""Landed responses on tracks, albums and artists: a line each, as this project lands them, or the objects alone."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.json import parsed, whole_text
from spotify_assets.readers.responses import Fields, artist_fields, full_album_fields, moment, spotify_id, track_fields
from spotify_assets.readers.text import decoded, without_bom

NOT_FOUND = 404
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
        for line in iter(lambda: stream.readline(max_bytes + 1), b""):
            if line.strip():
                yield from _of_line(line, kind)
    else:
        yield from _of_document(whole_text(stream, max_bytes), kind)


def fields_of(kind: str, body: Fields) -> Fields:
    """What an object tells, in the columns of the kind's table."""
    return FIELDS_OF[kind](body)


def _of_line(line: bytes, kind: str) -> list[Fields | None]:
    """Of a line alone: one that was cut off, even within a letter, costs no other."""
    try:
        return _of_document(without_bom(decoded(line)), kind)
    except UnreadableError:
        return [None]


def _of_document(text: str, kind: str) -> list[Fields | None]:
    document = parsed(text)
    several = document.get(kind) if isinstance(document, dict) and "id" not in document else document
    return [_fields(entry, kind) for entry in (several if isinstance(several, list) else [document])]


def _fields(entry: Any, kind: str) -> Fields | None:
    """The columns of one response, or None."""
    if not isinstance(entry, dict):
        return None
    is_ours = "body" in entry and "status" in entry
    body = entry["body"] if is_ours else entry
    is_found = isinstance(body, dict) and "error" not in body
    thing_id = spotify_id(entry if is_ours else body, singular(kind))
    if thing_id is None or (is_found and body.get("type", singular(kind)) != singular(kind)):
        return None
    if not is_found and entry.get("status") != NOT_FOUND:
        return None
    told = fields_of(kind, body) if is_found else {}
    # The id that was asked for: the object may bear the one that Spotify has moved it to.
    return told | {
        f"{singular(kind)}_id": thing_id,
        "is_found": is_found,
        "fetched_at": moment(entry.get("fetched_at")) if is_ours else None,
    }
