"""Endpoints of the stand-in Web API, in development and extended quota mode."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_assets.sandbox.accounts import Caller
from spotify_assets.sandbox.answers import ApiError, json_response, local_file_object, remove_fields, user_object
from spotify_assets.sandbox.catalogue import Catalogue, Document, Objects
from spotify_assets.sandbox.sample_playlists import USER, USER_NAME, Item, Playlist, sample_playlists, sample_recent

Mode = Literal["development", "extended"]

# Fields of tracks, albums, artists and users that Spotify no longer returns in development mode.
GONE_IN_DEVELOPMENT = (
    "available_markets country explicit_content followers genres label linked_from popularity preview_url product"
).split()
RECENT_KEPT = 50
BATCH_LIMITS = {"tracks": 50, "albums": 20, "artists": 50, "audio_features": 100}
CURSORS = ("after", "before")
GONE_ENDPOINTS = (
    "/users/{rest:path}",
    "/browse/{rest:path}",
    "/recommendations",
    "/artists/{id}/related-artists",
    "/artists/{id}/top-tracks",
    "/audio-analysis/{id}",
)


class WebApi:
    """The user, playlists and catalogue, and the endpoints that serve them.

    Attributes:
        mode: Quota mode of all apps.
        user: The user's id.
        playlists: Playlists by id.
        recent: Plays as time (UTC) and track id, in any order; the latest 50 are served.
        catalogue: Tracks and their audio features, albums, artists, episodes and shows by id.
        audio_features_apps: Client ids of the apps that may read audio features in extended quota mode, as those made
            before 27 November 2024.
    """

    def __init__(self, plays: int, day: date) -> None:
        self.mode: Mode = "development"
        self.user = USER
        self.catalogue = Catalogue(plays)
        ids = list(self.catalogue.tracks)
        self.playlists: dict[str, Playlist] = sample_playlists(day, ids)
        self.recent: list[tuple[datetime, str]] = sample_recent(day, ids)
        self.audio_features_apps: set[str] = set()
        self._missing: dict[str, set[str]] = {"development": set(GONE_IN_DEVELOPMENT), "extended": set()}

    @property
    def url(self) -> str:
        """URL of links in responses, without a trailing slash."""
        raise NotImplementedError

    @property
    def missing_fields(self) -> set[str]:
        """Names of fields to leave out of responses, at any depth. Setting it applies to both modes."""
        return self._missing[self.mode]

    @missing_fields.setter
    def missing_fields(self, names: set[str]) -> None:
        self._missing = {mode: set(names) for mode in self._missing}

    def routes(self) -> list[Route]:
        """All endpoints, below /v1."""
        paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/me": self._me,
            "/me/playlists": self._my_playlists,
            "/me/player/recently-played": self._recently_played,
            "/playlists/{id}": self._playlist,
            "/playlists/{id}/items": self._playlist_items,
            "/playlists/{id}/tracks": self._playlist_tracks,
            "/albums/{id}/tracks": self._album_tracks,
        }
        for kind in ("tracks", "albums", "artists", "episodes", "shows", "audio_features"):
            objects: Objects = getattr(self.catalogue, kind)
            path = f"/{kind.replace('_', '-')}"
            paths[f"{path}/{{id}}"] = self._single_endpoint(kind, objects)
            if kind in BATCH_LIMITS:
                paths[path] = self._batch_endpoint(kind, objects)
        paths |= dict.fromkeys(GONE_ENDPOINTS, self._gone)
        return [Route(f"/v1{path}", endpoint, methods=["GET"]) for path, endpoint in paths.items()]

    def _single_endpoint(self, kind: str, objects: Objects) -> Callable[[Request], Awaitable[Response]]:
        async def one(request: Request) -> Response:
            self._require_access(request, kind)
            return self._json(_require_found(objects.get(_id_in(request))))

        return one

    def _batch_endpoint(self, kind: str, objects: Objects) -> Callable[[Request], Awaitable[Response]]:
        async def several(request: Request) -> Response:
            self._require_access(request, kind)
            if self.mode == "development":
                raise ApiError(403, "Forbidden")
            ids = [part for part in request.query_params.get("ids", "").split(",") if part]
            if not ids:
                raise ApiError(400, "Missing required field: ids")
            if len(ids) > BATCH_LIMITS[kind]:
                raise ApiError(400, f"Too many ids requested, at most {BATCH_LIMITS[kind]}")
            return self._json({kind: [objects.get(_valid_id(key)) for key in ids]})

        return several

    def _require_access(self, request: Request, kind: str) -> None:
        is_old_app = _caller(request).client_id in self.audio_features_apps
        if kind == "audio_features" and (self.mode == "development" or not is_old_app):
            raise ApiError(403, "Forbidden")

    async def _gone(self, request: Request) -> Response:
        raise ApiError(403, "Forbidden")

    async def _me(self, request: Request) -> Response:
        _require_user(request)
        me = user_object(self.user, USER_NAME) | {
            "account_id": hashlib.blake2b(self.user.encode(), digest_size=16).hexdigest(),
            "country": "SE",
            "explicit_content": {"filter_enabled": False, "filter_locked": False},
            "followers": {"href": None, "total": 3},
            "images": [],
            "product": "premium",
        }
        return self._json(me)

    async def _my_playlists(self, request: Request) -> Response:
        _require_user(request)
        followed = [playlist for playlist in self.playlists.values() if playlist.followed]
        return self._json(self._page(request, followed, self._simple_playlist))

    async def _playlist(self, request: Request) -> Response:
        playlist, caller = self._visible_playlist(request), _caller(request)
        document = self._simple_playlist(playlist) | {"followers": {"href": None, "total": 0}}
        if not self._may_read_items(playlist, caller):
            document.pop("items", None)
        else:
            # As Spotify's, the `next` link leads to the old path, which development mode refuses.
            path = f"/v1/playlists/{playlist.id}/tracks"
            document["items"] = self._page_document(path, playlist.items, self._item, 100, 0)
            if self.mode == "extended":
                document["tracks"] = self._page_document(path, playlist.items, self._old_item, 100, 0)
        return self._json(document)

    async def _playlist_items(self, request: Request) -> Response:
        playlist = self._readable_playlist(request)
        return self._json(self._page(request, playlist.items, self._item))

    async def _playlist_tracks(self, request: Request) -> Response:
        if self.mode == "development":
            raise ApiError(403, "Forbidden")
        playlist = self._readable_playlist(request)
        return self._json(self._page(request, playlist.items, self._old_item, default=100, at_most=100))

    async def _album_tracks(self, request: Request) -> Response:
        album = _require_found(self.catalogue.albums.get(_id_in(request)))
        return self._json(self._page(request, album["tracks"]["items"], dict))

    async def _recently_played(self, request: Request) -> Response:
        if "user-read-recently-played" not in _require_user(request).scopes:
            raise ApiError(403, "Insufficient client scope")
        limit, query = _integer_parameter(request, "limit", 20, 1, 50), request.query_params
        if "after" in query and "before" in query:
            raise ApiError(400, "Only one of after and before may be given")
        after, before = (
            _integer_parameter(request, name, -1, 0, 10**15) if name in query else None for name in CURSORS
        )
        kept = sorted(((_epoch_ms(at), track) for at, track in self.recent), reverse=True)[:RECENT_KEPT]
        asked = [play for play in kept if (after is None or play[0] > after) and (before is None or play[0] < before)]
        shown = asked[:limit]
        more = {"before": shown[-1][0], "limit": limit} if len(shown) < len(asked) else None
        path = f"{self.url}/v1/me/player/recently-played"
        document = {
            "href": f"{path}?{urlencode(dict(query))}" if query else path,
            "items": [self._play(ms, track) for ms, track in shown if track in self.catalogue.tracks],
            "limit": limit,
            "next": f"{path}?{urlencode(more)}" if more else None,
            "cursors": {"after": str(shown[0][0]), "before": str(shown[-1][0])} if shown else None,
        }
        return self._json(document)

    def _play(self, ms: int, track_id: str) -> Document:
        track = self.catalogue.tracks[track_id]
        context = {name: track["album"][name] for name in ("external_urls", "href", "type", "uri")}
        return {
            "track": track,
            "played_at": f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z",
            "context": context if ms % 3 else None,
        }

    def _visible_playlist(self, request: Request) -> Playlist:
        key, caller = _id_in(request), _caller(request)
        playlist = self.playlists.get(key)
        editorial = self.mode == "development" and key.startswith("37i9dQZ")
        if playlist is None or editorial or not (playlist.public or self._is_participant(playlist, caller)):
            raise ApiError(404, "Resource not found")
        return playlist

    def _readable_playlist(self, request: Request) -> Playlist:
        playlist = self._visible_playlist(request)
        if not self._may_read_items(playlist, _caller(request)):
            raise ApiError(403, "Forbidden")
        return playlist

    def _is_participant(self, playlist: Playlist, caller: Caller) -> bool:
        return caller.user and (playlist.owner_id == self.user or playlist.collaborative or playlist.followed)

    def _may_read_items(self, playlist: Playlist, caller: Caller) -> bool:
        if self.mode == "extended":
            return True
        return caller.user and (playlist.owner_id == self.user or playlist.collaborative)

    def _simple_playlist(self, playlist: Playlist) -> Document:
        content = json.dumps([playlist.name, playlist.description, playlist.items], default=str)
        counted = {"href": f"{self.url}/v1/playlists/{playlist.id}/items", "total": len(playlist.items)}
        return {
            "collaborative": playlist.collaborative,
            "description": playlist.description,
            "external_urls": {"spotify": f"https://open.spotify.com/playlist/{playlist.id}"},
            "href": f"https://api.spotify.com/v1/playlists/{playlist.id}",
            "id": playlist.id,
            "images": [{"url": playlist.image_url, "height": None, "width": None}] if playlist.image_url else [],
            "name": playlist.name,
            "owner": user_object(playlist.owner_id, playlist.owner_name),
            "primary_color": None,
            "public": playlist.public,
            "snapshot_id": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
            "items": counted,
            "type": "playlist",
            "uri": f"spotify:playlist:{playlist.id}",
        } | ({"tracks": counted} if self.mode == "extended" else {})

    def _item(self, item: Item) -> Document:
        return {
            "added_at": f"{item.added_at:%Y-%m-%dT%H:%M:%SZ}" if item.added_at else None,
            "added_by": user_object(item.added_by) if item.added_by else None,
            "is_local": item.kind == "local",
            "primary_color": None,
            "item": self._content(item),
            "video_thumbnail": {"url": None},
        }

    def _old_item(self, item: Item) -> Document:
        document = self._item(item)
        return document | {"track": document.pop("item")}

    def _content(self, item: Item) -> Document | None:
        """The item's track or episode object; None if it was removed or is not in the catalogue."""
        match item.kind:
            case "track":
                found = self.catalogue.tracks.get(item.id or "")
                return found and found | {"episode": False, "track": True}
            case "episode":
                found = self.catalogue.episodes.get(item.id or "")
                return found and found | {"episode": True, "track": False}
            case "local":
                return local_file_object(item)
        return None

    def _page(
        self,
        request: Request,
        things: Sequence[Any],
        to_document: Callable[[Any], Document],
        default: int = 20,
        at_most: int = 50,
    ) -> Document:
        limit = _integer_parameter(request, "limit", default, 1, at_most)
        return self._page_document(
            request.url.path, things, to_document, limit, _integer_parameter(request, "offset", 0, 0, 100_000)
        )

    def _page_document(
        self, path: str, things: Sequence[Any], to_document: Callable[[Any], Document], limit: int, offset: int
    ) -> Document:
        def link(start: int) -> str:
            return f"{self.url}{path}?offset={start}&limit={limit}"

        return {
            "href": link(offset),
            "items": [to_document(thing) for thing in things[offset : offset + limit]],
            "limit": limit,
            "next": link(offset + limit) if offset + limit < len(things) else None,
            "offset": offset,
            "previous": link(max(0, offset - limit)) if offset else None,
            "total": len(things),
        }

    def _json(self, document: Document) -> Response:
        return json_response(remove_fields(document, self.missing_fields))


def _caller(request: Request) -> Caller:
    return request.scope["caller"]


def _require_user(request: Request) -> Caller:
    if not _caller(request).user:
        raise ApiError(401, "Valid user authentication required")
    return _caller(request)


def _id_in(request: Request) -> str:
    return _valid_id(request.path_params["id"])


def _valid_id(key: str) -> str:
    if not re.fullmatch("[0-9A-Za-z]{22}", key):
        raise ApiError(400, "Invalid base62 id")
    return key


def _require_found(document: Document | None) -> Document:
    if document is None:
        raise ApiError(404, "Resource not found")
    return document


def _integer_parameter(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch("[0-9]{1,15}", text) or not least <= int(text) <= most:
        raise ApiError(400, f"Invalid {name}")
    return int(text)


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
