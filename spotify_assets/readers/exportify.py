"""Exportify's CSV files: a playlist each, with the time at which each item was added.

They are catalogue files as well (`readers.catalog`), whose synonyms find the columns of all their generations. Of a
row only the columns that are found are taken: who added an item is never read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from typing import BinaryIO

import pyarrow as pa

from spotify_assets.readers import csv
from spotify_assets.readers.account_data import LOCAL_URI, local_track
from spotify_assets.readers.catalog import DELIMITERS, NoCatalogError, bare_name, find_fields
from spotify_assets.readers.clock import Believed, believe
from spotify_assets.readers.lines import read_line_blocks
from spotify_assets.readers.playlists import item_fields, to_json
from spotify_assets.readers.responses import Fields, as_time
from spotify_assets.readers.text import TextStream, decode_lines

# Playlists hold up to 10,000 items, and liked songs some more. A larger file is a catalogue alone.
MAX_ITEMS = 100_000
ADDED_AT = "addedat"
IMAGE = "albumimageurl"
TAKEN = (
    "track_id", "track_name", "artist_ids", "artist_names", "album_id", "album_name", "album_artist_names",
    "release_date", "disc_number", "track_number", "duration_ms", "explicit", "isrc", "track_popularity",
)  # fmt: skip
# Names are separated by `,` or `;`. A `,` in a name has a backslash before it.
BETWEEN_NAMES = re.compile(r"(?<!\\),\s*|;\s*")


def is_exportify(columns: Iterable[str]) -> bool:
    """Whether columns are those of a playlist that Exportify, or a program like it, has written."""
    columns = list(columns)
    return {"track_id", "track_name"} <= find_fields(columns).keys() and ADDED_AT in map(bare_name, columns)


def times_added(stream: BinaryIO, until: datetime) -> Believed | None:
    """When the items of a playlist of Exportify were added; None where a file is none.

    Args:
        stream: The file, at its start.
        until: Times after this one are not believed (UTC).
    """
    rows = _rows(stream)
    if rows is None:
        return None
    added = [as_time(row.get(ADDED_AT)) for row in islice(rows, MAX_ITEMS + 1)]
    return believe(added, until) if len(added) <= MAX_ITEMS else None


def exportify_items(stream: BinaryIO) -> list[Fields]:
    """The items of a playlist in the columns of `raw_playlists`, in order.

    Raises:
        NoCatalogError: The file is no playlist of Exportify.
    """
    rows = _rows(stream)
    if rows is None:
        raise NoCatalogError("it has no column of when an item was added")
    return [_item(row) for row in rows]


def _rows(stream: BinaryIO) -> Iterator[Mapping[str, str]] | None:
    """Rows by field, without empty values; None where the header isn't Exportify's."""
    lines = read_line_blocks(TextStream(stream), decode_lines)
    first = next(lines, pa.array([], pa.string()))
    if len(first) and csv.SEPARATOR_LINE.fullmatch(first[0].as_py()):
        first = first.slice(1)
    header = first[0].as_py() if len(first) else ""
    for delimiter in DELIMITERS:
        columns = csv.header_names(header, delimiter)
        if is_exportify(columns):
            return _split(chain([first.slice(1)], lines), columns, delimiter)
    return None


def _split(lines: Iterable[pa.Array], columns: list[str], delimiter: str) -> Iterator[Mapping[str, str]]:
    fields = {name: place.names[0] for name, place in find_fields(columns).items() if name in TAKEN}
    for column in columns:
        if bare_name(column) in (ADDED_AT, IMAGE):
            fields[bare_name(column)] = column
    for block in lines:
        split = csv.split_lines(block, columns, delimiter)
        values = {name: split[column].to_pylist() for name, column in fields.items()}
        for place in range(len(block)):
            row = ((name, (of_column[place] or "").strip()) for name, of_column in values.items())
            yield {name: value for name, value in row if value}


def _item(row: Mapping[str, str]) -> Fields:
    uri = row.get("track_id", "")
    if uri.startswith(LOCAL_URI):
        track = _local(row, uri)
    elif uri.startswith("spotify:episode:"):
        show = row.get("album_name") or row.get("artist_names")
        track = {"type": "episode", "uri": uri, "name": row.get("track_name"), "show": {"name": show}}
    else:
        track = _track_of(row)
    known = to_json(row).encode("utf-8", "replace").decode()
    return item_fields({"added_at": row.get(ADDED_AT), "track": track}) | {"item": known}


def _local(row: Mapping[str, str], uri: str) -> Fields:
    named = {"name": row.get("track_name"), "artists": _artists(row), "album": _album(row)}
    return (local_track(uri) or {}) | {name: value for name, value in named.items() if row.get("track_name") and value}


def _track_of(row: Mapping[str, str]) -> Fields:
    """A track as the Web API has it."""
    explicit = row.get("explicit", "").casefold()
    return {
        "type": "track",
        "id": row.get("track_id"),
        "uri": row.get("track_id"),
        "name": row.get("track_name"),
        "artists": _artists(row),
        "album": _album(row),
        "duration_ms": _number(row.get("duration_ms")),
        "disc_number": _number(row.get("disc_number")),
        "track_number": _number(row.get("track_number")),
        "popularity": _number(row.get("track_popularity")),
        "explicit": explicit == "true" if explicit in ("true", "false") else None,
        "external_ids": {"isrc": row.get("isrc")},
    }


def _artists(row: Mapping[str, str]) -> list[Fields]:
    ids = [one for one in re.split(r"[,;]\s*", row.get("artist_ids", "")) if one]
    text = row.get("artist_names", "")
    # With one id, a `,` is part of the name.
    names = [text] if len(ids) == 1 else BETWEEN_NAMES.split(text)
    if len(ids) != len(names):
        ids = [""] * len(names)
    return [{"id": id_, "uri": id_, "name": name.replace("\\,", ",")} for id_, name in zip(ids, names, strict=True)]


def _album(row: Mapping[str, str]) -> Fields:
    artist = BETWEEN_NAMES.split(row.get("album_artist_names", ""))[0].replace("\\,", ",")
    return {
        "id": row.get("album_id"),
        "uri": row.get("album_id"),
        "name": row.get("album_name"),
        "artists": [{"name": artist}],
        "release_date": row.get("release_date"),
        "images": [{"url": row.get(IMAGE)}],
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
