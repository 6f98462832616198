"""How the stand-in Web API words its answers."""

import json
from typing import Any

from starlette.responses import Response

from spotify_assets.sandbox.catalogue import Document
from spotify_assets.sandbox.sample_playlists import Item


class RefusedError(Exception):
    """An answer with another status than 200, in Spotify's shape."""

    def __init__(self, status: int, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.body = {"error": {"status": status, "message": message} | ({"reason": reason} if reason else {})}
        self.status = status


def as_json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response as Spotify encodes it."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, status, headers, "application/json; charset=utf-8")


def without(document: Any, names: set[str]) -> Any:
    """A document without the fields of these names, wherever they stand."""
    if not names:
        return document
    if isinstance(document, dict):
        return {name: without(value, names) for name, value in document.items() if name not in names}
    if isinstance(document, list):
        return [without(value, names) for value in document]
    return document


def person(key: str, name: str | None = None) -> Document:
    """Somebody as others see them."""
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/user/{key}"},
        "href": f"https://api.spotify.com/v1/users/{key}",
        "id": key,
        "type": "user",
        "uri": f"spotify:user:{key}",
    } | ({"display_name": name} if name else {})


def local_track(item: Item) -> Document:
    """A file of the user's own, as a track without ids and links."""
    nowhere: Document = {"external_urls": {}, "href": None, "id": None, "uri": None}
    return nowhere | {
        "album": nowhere
        | {
            "album_type": None,
            "artists": [],
            "available_markets": [],
            "images": [],
            "name": item.album,
            "release_date": None,
            "release_date_precision": None,
            "type": "album",
        },
        "artists": [nowhere | {"name": item.artist, "type": "artist"}],
        "available_markets": [],
        "disc_number": 0,
        "duration_ms": 201_000,
        "explicit": False,
        "external_ids": {},
        "is_local": True,
        "name": item.name,
        "popularity": 0,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": "spotify:local:"
        + ":".join(part.replace(" ", "+") for part in (item.artist, item.album, item.name, "201")),
    }
