"""Landed Web API responses on tracks, albums, artists and audio features: lines of `response_line`, or bare."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.json import parse_json, read_text
from spotify_assets.readers.responses import (
    Fields,
    artist_fields,
    as_time,
    audio_features_fields,
    full_album_fields,
    spotify_id,
    track_fields,
)
from spotify_assets.readers.text import decode_utf8, strip_bom

NOT_FOUND = 404
FIELD_PARSERS = {
    "tracks": track_fields,
    "albums": full_album_fields,
    "artists": artist_fields,
    "audio_features": audio_features_fields,
}
# What the ids of a kind are of, where it isn't the kind itself.
IDS_OF = {"audio_features": "track"}


def object_type(kind: str) -> str:
    """The `type` of a kind's objects: `track` of `tracks`. Audio features are called the same, one or many."""
    return kind if kind in IDS_OF else kind.removesuffix("s")


def id_type(kind: str) -> str:
    """The type of object that a kind's ids are of: `track` of `tracks`, and of `audio_features`."""
    return IDS_OF.get(kind) or object_type(kind)


def response_line(answer_id: str, status: int, body: Fields | None, fetched_at: str) -> str:
    """One response as an NDJSON line, as this project lands it.

    Args:
        answer_id: The id that was requested.
        status: HTTP status, 200 or 404.
        body: The API's object; None if it was not found.
        fetched_at: Time of the response (ISO 8601).
    """
    line = {"id": answer_id, "fetched_at": fetched_at, "status": status, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_metadata_file(stream: BinaryIO, name: str, kind: str, max_bytes: int) -> Iterator[Fields | None]:
    """Read the responses in a landed file: one dictionary per response, in the columns of the kind's raw table.

    An entry that is not a response of this kind is yielded as None.

    Args:
        stream: The file, at its start.
        name: File name: `.ndjson` has one response per line, any other is one JSON document.
        kind: `tracks`, `albums`, `artists` or `audio_features`.
        max_bytes: Largest JSON document to read, in bytes.

    Raises:
        UnreadableError: The document can't be parsed. An NDJSON line that can't be parsed is yielded as None.
    """
    if name.lower().endswith(".ndjson"):
        for line in iter(lambda: stream.readline(max_bytes + 1), b""):
            if line.strip():
                yield from _parse_line(line, kind)
    else:
        yield from _parse_document(read_text(stream, max_bytes), kind)


def object_fields(kind: str, body: Fields) -> Fields:
    """An object of the Web API in the columns of the kind's raw table."""
    return FIELD_PARSERS[kind](body)


def _parse_line(line: bytes, kind: str) -> list[Fields | None]:
    # Lines are decoded one by one: a truncated line, even within a character, must not lose the others.
    try:
        return _parse_document(strip_bom(decode_utf8(line)), kind)
    except UnreadableError:
        return [None]


def _parse_document(text: str, kind: str) -> list[Fields | None]:
    document = parse_json(text)
    several = document.get(kind) if isinstance(document, dict) and "id" not in document else document
    return [_response_fields(entry, kind) for entry in (several if isinstance(several, list) else [document])]


def _response_fields(entry: Any, kind: str) -> Fields | None:
    """The columns of one response, or None."""
    if not isinstance(entry, dict):
        return None
    is_ours = "body" in entry and "status" in entry
    body = entry["body"] if is_ours else entry
    is_found = isinstance(body, dict) and "error" not in body
    thing_id = spotify_id(entry if is_ours else body, id_type(kind))
    if thing_id is None or (is_found and body.get("type", object_type(kind)) != object_type(kind)):
        return None
    if not is_found and entry.get("status") != NOT_FOUND:
        return None
    columns = object_fields(kind, body) if is_found else {}
    # The requested id: the object's own id differs where Spotify has relinked it.
    return columns | {
        f"{id_type(kind)}_id": thing_id,
        "is_found": is_found,
        "fetched_at": as_time(entry.get("fetched_at")) if is_ours else None,
    }
