"""Responses of the stand-in Web API, in Spotify's format."""

import json
from typing import Any

from starlette.responses import Response

from spotify_assets.sandbox.catalogue import Document
from spotify_assets.sandbox.sample_playlists import Item


class ApiError(Exception):
    """An error response in Spotify's format."""

    def __init__(self, status: int, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.body = {"error": {"status": status, "message": message} | ({"reason": reason} if reason else {})}
        self.status = status


def json_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, encoded as Spotify's."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, status, headers, "application/json; charset=utf-8")


def remove_fields(document: Any, names: set[str]) -> Any:
    """A copy of a document without fields of these names, at any depth."""
    if not names:
        return document
    if isinstance(document, dict):
        return {name: remove_fields(value, names) for name, value in document.items() if name not in names}
    if isinstance(document, list):
        return [remove_fields(value, names) for value in document]
    return document


def user_object(key: str, name: str | None = None) -> Document:
    """A public user object."""
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/user/{key}"},
        "href": f"https://api.spotify.com/v1/users/{key}",
        "id": key,
        "type": "user",
        "uri": f"spotify:user:{key}",
    } | ({"display_name": name} if name else {})


def local_file_object(item: Item) -> Document:
    """A local file of the user as a track object, without ids and links."""
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
