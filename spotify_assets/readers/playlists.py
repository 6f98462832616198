"""A captured playlist: as this project lands it, a whole playlist object, or only its pages or items."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.json import parsed, whole_text
from spotify_assets.readers.responses import (
    PEOPLE,
    Fields,
    episode_fields,
    flag,
    image,
    moment,
    spotify_id,
    text,
    track_fields,
    without_people,
)

# `items` today, `tracks` in older responses; and `item` in each of them, or `track`.
PAGING = ("items", "tracks")
PAYLOAD = ("item", "track")
SPOTIFY = "spotify"
TO_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class NoPlaylistError(NoHistoryError):
    """It can be read, and holds no playlist; the message says what it is."""


@dataclass(frozen=True)
class Playlist:
    """A playlist as captured: its id (None where only its items are told), attributes, and items in order."""

    playlist_id: str | None
    captured_at: datetime | None
    attributes: Fields
    items: list[Any] = field(repr=False)


def read_playlist(stream: BinaryIO, max_bytes: int) -> Playlist:
    """The playlist in one landed file.

    Raises:
        NoPlaylistError: where it holds something else.
        UnreadableError: where it can't be parsed, or holds only some of the items.
    """
    content = whole_text(stream, max_bytes)
    if not content.strip():
        raise UnreadableError("it is empty")
    document = parsed(content)
    # A list of one is as good as the one.
    if isinstance(document, list) and len(document) == 1 and not _are_items(document):
        document = document[0]
    captured_at = moment(document.get("captured_at")) if _is_envelope(document) else None
    about, pages = _playlist_and_pages(document)
    return Playlist(spotify_id(about, "playlist"), captured_at, _attributes(about), _all_items(pages))


def _playlist_and_pages(document: Any) -> tuple[Any, list[Any]]:
    """The playlist object, and its pages."""
    if isinstance(document, list):
        return {}, _pages_in_list(document)
    if not isinstance(document, dict):
        raise NoPlaylistError("JSON, but no playlist")
    if _is_envelope(document):
        pages = document["pages"]
        # Without a page, nothing tells an empty playlist from one that could not be read.
        if not isinstance(pages, list) or not pages or not all(_is_page(page) for page in pages):
            raise UnreadableError("its pages are no lists of a playlist's items")
        return document["playlist"], pages
    if document.get("type", "playlist") != "playlist":
        raise NoPlaylistError("a JSON object, no playlist")
    if paging := _paging_of(document):
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
    if all(_is_envelope(element) or (isinstance(element, dict) and _paging_of(element)) for element in elements):
        raise UnreadableError(f"it holds {len(elements):,} playlists; land one a file")
    raise NoPlaylistError(f"a JSON array of {len(elements):,} elements that are no pages of a playlist")


def _is_envelope(document: Any) -> bool:
    return isinstance(document, dict) and {"playlist", "pages"} <= set(document)


def _is_page(page: Any) -> bool:
    items = page.get("items") if isinstance(page, dict) else None
    return isinstance(items, list) and (not items or _are_items(items))


def _are_items(elements: list[Any]) -> bool:
    """Whether these are a playlist's items: some may be broken, not all."""
    return any(map(_is_item, elements))


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and "played_at" not in item and any(name in item for name in PAYLOAD)


def _paging_of(playlist: Fields) -> Any:
    return next((playlist[name] for name in PAGING if _is_page(playlist.get(name))), None)


def _all_items(pages: list[Any]) -> list[Any]:
    """The items of all pages, each at its place where the pages tell their offset.

    Raises:
        UnreadableError: where they are not as many as the playlist has.
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
    """What is told of the playlist itself; nothing where it has no name."""
    name = text(about.get("name")) if isinstance(about, dict) else None
    if name is None:
        return {}
    owner = about.get("owner")
    return {
        "playlist_name": name,
        "description": text(about.get("description")),
        "owner": _owner(owner.get("id")) if isinstance(owner, dict) else None,
        "is_public": flag(about.get("public")),
        "is_collaborative": flag(about.get("collaborative")),
        "image_url": image(about.get("images")),
    }


def _owner(user_id: Any) -> str | None:
    known = text(user_id)
    if known is None or known == SPOTIFY:
        return known
    return hashlib.sha256(f"spotify:user:{known}".encode()).hexdigest()[:16]


def item_fields(item: Any) -> Fields:
    """One item of a playlist, in the columns of `raw_playlists`; not to be changed, as others share it."""
    if isinstance(item, dict) and "added_by" in item:
        item = {name: value for name, value in item.items() if name != "added_by"}
    shown = TO_JSON(item)
    # Searched, as walking through every item of every day would take longer than all else.
    if any(f'"{name}":' in shown for name in PEOPLE):
        shown = TO_JSON(without_people(item))
    return _fields_of(shown)


@lru_cache(maxsize=20_000)
def _fields_of(shown: str) -> Fields:
    """The columns of an item. Kept, as the same track stands in many snapshots."""
    item = json.loads(shown)
    entry = item if isinstance(item, dict) else {}
    payload: Fields = next((entry[name] for name in PAYLOAD if isinstance(entry.get(name), dict)), {})
    is_episode = payload.get("type") == "episode" or payload.get("episode") is True
    item_id = spotify_id(payload, "episode" if is_episode else "track")
    fields = episode_fields(payload) if is_episode else track_fields(payload)
    is_removed = item_id is None and fields["track_name"] is None
    is_local = flag(entry.get("is_local")) or flag(payload.get("is_local")) or False
    return fields | {
        "item": shown.encode("utf-8", "replace").decode(),
        "added_at": moment(entry.get("added_at")),
        "is_removed": is_removed,
        "is_local": is_local and not is_removed,
        "item_type": None if is_removed else "episode" if is_episode else "track",
        "item_id": None if is_local else item_id,
    }


def captured_at(name: str, day: date) -> datetime | None:
    """The time in a file's name, `<playlist>.<HHMMSS>.json` (UTC); None where it has none."""
    found = re.fullmatch(r"(\d\d)(\d\d)(\d\d)", PurePosixPath(name).stem.rpartition(".")[2])
    try:
        hour, minute, second = map(int, found.groups()) if found else (24, 0, 0)
        return datetime.combine(day, time(hour, minute, second), UTC)
    except ValueError:
        return None
