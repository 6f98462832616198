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
    Fields,
    episode_fields,
    flag,
    image,
    moment,
    spotify_id,
    text,
    track_fields,
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
    if _is_envelope(document):
        captured_at, about, pages = moment(document.get("captured_at")), document["playlist"], document["pages"]
    else:
        captured_at = None
        about, pages = _playlist_and_pages(document)
    if not isinstance(pages, list) or not all(_is_page(page) for page in pages):
        raise UnreadableError("its pages are no lists of items")
    return Playlist(spotify_id(about, "playlist"), captured_at, _attributes(about), _all_items(pages))


def _is_envelope(document: Any) -> bool:
    return isinstance(document, dict) and {"playlist", "pages"} <= set(document)


def _playlist_and_pages(document: Any) -> tuple[Any, Any]:
    """The playlist object, and its pages; a list of one is as good as the one."""
    if isinstance(document, list):
        if len(document) == 1 and isinstance(document[0], dict) and not _is_item(document[0]):
            return _playlist_and_pages(document[0])
        if all(_is_page(page) for page in document):
            return {}, document
        if all(_is_item(item) for item in document):
            return {}, [{"items": document}]
        if all(isinstance(element, dict) and _paging_of(element) for element in document):
            raise UnreadableError(f"it holds {len(document):,} playlists; land one a file")
        raise NoPlaylistError(f"a JSON array of {len(document):,} elements that are no pages of a playlist")
    if not isinstance(document, dict):
        raise NoPlaylistError("JSON, but no playlist")
    if paging := _paging_of(document):
        return document, [paging]
    if _is_page(document) and all(_is_item(item) for item in document["items"]):
        return {}, [document]
    if document.get("type") == "playlist":
        raise NoPlaylistError("a playlist without its items")
    raise NoPlaylistError("a JSON object, no playlist")


def _is_page(page: Any) -> bool:
    return isinstance(page, dict) and isinstance(page.get("items"), list)


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and "played_at" not in item and any(name in item for name in PAYLOAD)


def _paging_of(playlist: Fields) -> Any:
    return next((playlist[name] for name in PAGING if _is_page(playlist.get(name))), None)


def _all_items(pages: list[Any]) -> list[Any]:
    """The items of all pages, in order of their offset.

    Raises:
        UnreadableError: where they are fewer than the playlist has.
    """
    offsets = [page.get("offset") for page in pages]
    if all(isinstance(offset, int) for offset in offsets):
        pages = list({page["offset"]: page for page in sorted(pages, key=lambda page: page["offset"])}.values())
    items = [item for page in pages for item in page["items"]]
    total = max((page["total"] for page in pages if isinstance(page.get("total"), int)), default=len(items))
    if len(items) < total:
        raise UnreadableError(f"it holds {len(items):,} of {total:,} items; land all pages of the playlist")
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
    return _fields_of(TO_JSON(item))


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
