"""Captured playlists, in any of these shapes: this project's envelope (playlist and pages), a playlist object of the
Web API, its pages, or its items alone.
"""

import hashlib
import json
import marshal
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.json import parse_json, read_text
from spotify_assets.readers.responses import (
    PEOPLE,
    Fields,
    as_boolean,
    as_time,
    clean_text,
    episode_fields,
    image_url,
    remove_people,
    spotify_id,
    track_fields,
)

# The Web API's current names, and those of older responses: a playlist's page, and an item's track or episode.
PAGING_KEYS = ("items", "tracks")
ITEM_KEYS = ("item", "track")
SPOTIFY_USER = "spotify"
# The last without references: equal values are equal bytes, whether their parts are the same objects or not.
MARSHAL_VERSION = 2
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class NoPlaylistError(NoHistoryError):
    """A readable file without a playlist. The message describes what the file is."""


@dataclass(frozen=True)
class CapturedPlaylist:
    """A playlist as captured: id (None if the file has items only), UTC time of capture, attributes, ordered items."""

    playlist_id: str | None
    captured_at: datetime | None
    attributes: Fields
    items: list[Any] = field(repr=False)


def read_playlist(stream: BinaryIO, max_bytes: int) -> CapturedPlaylist:
    """Read the playlist in one landed file.

    Args:
        stream: The file, at its start.
        max_bytes: Largest JSON document to read, in bytes.

    Raises:
        NoPlaylistError: The file holds no playlist.
        UnreadableError: The file can't be parsed, or lacks some of the playlist's items.
    """
    content = read_text(stream, max_bytes)
    if not content.strip():
        raise UnreadableError("it is empty")
    document = parse_json(content)
    # A list of one playlist is read as that playlist.
    if isinstance(document, list) and len(document) == 1 and not _are_items(document):
        document = document[0]
    captured_at = as_time(document.get("captured_at")) if _is_envelope(document) else None
    about, pages = _playlist_and_pages(document)
    return CapturedPlaylist(spotify_id(about, "playlist"), captured_at, _attributes(about), _collect_items(pages))


def _playlist_and_pages(document: Any) -> tuple[Any, list[Any]]:
    """The playlist object and its pages of items."""
    if isinstance(document, list):
        return {}, _pages_in_list(document)
    if not isinstance(document, dict):
        raise NoPlaylistError("JSON, but no playlist")
    if _is_envelope(document):
        pages = document["pages"]
        # No pages at all: the playlist may be empty or could not be fetched.
        if not isinstance(pages, list) or not pages or not all(_is_page(page) for page in pages):
            raise UnreadableError("its pages are no lists of a playlist's items")
        return document["playlist"], pages
    if document.get("type", "playlist") != "playlist":
        raise NoPlaylistError("a JSON object, no playlist")
    if paging := _find_page(document):
        return document, [paging]
    if _is_page(document):
        return document, [document]
    if "type" in document:
        raise NoPlaylistError("a playlist without its items")
    raise NoPlaylistError("a JSON object, no playlist")


def _pages_in_list(elements: list[Any]) -> list[Any]:
    if not elements:
        raise UnreadableError("it is an empty list, which doesn't tell that a playlist is empty; land its pages")
    if all(_is_page(element) for element in elements):
        return elements
    if _are_items(elements):
        return [{"items": elements}]
    if all(_is_envelope(element) or (isinstance(element, dict) and _find_page(element)) for element in elements):
        raise UnreadableError(f"it holds {len(elements):,} playlists; land one a file")
    raise NoPlaylistError(f"a JSON array of {len(elements):,} elements that are no pages of a playlist")


def _is_envelope(document: Any) -> bool:
    return isinstance(document, dict) and {"playlist", "pages"} <= set(document)


def _is_page(page: Any) -> bool:
    items = page.get("items") if isinstance(page, dict) else None
    return isinstance(items, list) and (not items or _are_items(items))


def _are_items(elements: list[Any]) -> bool:
    """Whether at least one element is a playlist item; the others may be damaged."""
    return any(map(_is_item, elements))


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and "played_at" not in item and any(name in item for name in ITEM_KEYS)


def _find_page(playlist: Fields) -> Any:
    return next((playlist[name] for name in PAGING_KEYS if _is_page(playlist.get(name))), None)


def _collect_items(pages: list[Any]) -> list[Any]:
    """The items of all pages, ordered by the pages' `offset` where every page has one.

    Raises:
        UnreadableError: The number of items differs from the playlist's `total`, or further pages are missing.
    """
    if all(isinstance(page.get("offset"), int) for page in pages):
        at_place = {page["offset"] + place: item for page in pages for place, item in enumerate(page["items"])}
        items = [at_place[place] for place in sorted(at_place)]
    else:
        items = [item for page in pages for item in page["items"]]
    total = max((page["total"] for page in pages if isinstance(page.get("total"), int)), default=None)
    if total is None and all(page.get("next") for page in pages):
        raise UnreadableError(f"after its {len(items):,} items there are more; land all pages of the playlist")
    if total is not None and len(items) != total:
        raise UnreadableError(f"it holds {len(items):,} of {total:,} items; land each page of the playlist once")
    return items


def _attributes(about: Any) -> Fields:
    """The playlist's own columns; empty if it has no name."""
    name = clean_text(about.get("name")) if isinstance(about, dict) else None
    if name is None:
        return {}
    owner = about.get("owner")
    return {
        "playlist_name": name,
        "description": clean_text(about.get("description")),
        "owner": _hash_owner(owner.get("id")) if isinstance(owner, dict) else None,
        "is_public": as_boolean(about.get("public")),
        "is_collaborative": as_boolean(about.get("collaborative")),
        "image_url": image_url(about.get("images")),
    }


def _hash_owner(user_id: Any) -> str | None:
    known = clean_text(user_id)
    if known is None or known == SPOTIFY_USER:
        return known
    return hashlib.sha256(f"spotify:user:{known}".encode()).hexdigest()[:16]


def item_fields(item: Any) -> Fields:
    """One playlist item in the columns of `raw_playlists`. The dictionary is cached: don't modify it."""
    if isinstance(item, dict) and "added_by" in item:
        item = {name: value for name, value in item.items() if name != "added_by"}
    # As a key of the cache, JSON would take ten times as long to write.
    return _parse_item(marshal.dumps(item, MARSHAL_VERSION))


@lru_cache(maxsize=20_000)
def _parse_item(marshalled: bytes) -> Fields:
    """The columns of an item. Cached: the same track is in many snapshots."""
    item = marshal.loads(marshalled)
    json_text = to_json(item)
    # A text search: walking through every item would take most of the time.
    if any(f'"{name}":' in json_text for name in PEOPLE):
        item = remove_people(item)
        json_text = to_json(item)
    entry = item if isinstance(item, dict) else {}
    payload: Fields = next((entry[name] for name in ITEM_KEYS if isinstance(entry.get(name), dict)), {})
    is_episode = payload.get("type") == "episode" or payload.get("episode") is True
    item_id = spotify_id(payload, "episode" if is_episode else "track")
    fields = episode_fields(payload) if is_episode else track_fields(payload)
    is_removed = item_id is None and fields["track_name"] is None
    is_local = as_boolean(entry.get("is_local")) or as_boolean(payload.get("is_local")) or False
    return fields | {
        "item": json_text.encode("utf-8", "replace").decode(),
        "added_at": as_time(entry.get("added_at")),
        "is_removed": is_removed,
        "is_local": is_local and not is_removed,
        "item_type": None if is_removed else "episode" if is_episode else "track",
        "item_id": None if is_local else item_id,
    }


def time_in_name(name: str, day: date) -> datetime | None:
    """Time of capture in a file name, `<playlist>.<HHMMSS>.json` (UTC); None if the name has none."""
    found = re.fullmatch(r"(\d\d)(\d\d)(\d\d)", PurePosixPath(name).stem.rpartition(".")[2])
    try:
        hour, minute, second = map(int, found.groups()) if found else (24, 0, 0)
        return datetime.combine(day, time(hour, minute, second), UTC)
    except ValueError:
        return None
