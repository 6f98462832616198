"""A stand-in for Spotify: its Web API and accounts service on loopback, with faults to order."""

import asyncio
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.client import responses
from types import TracebackType
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spotify_assets.sandbox.accounts import Accounts, Caller
from spotify_assets.sandbox.answers import RefusedError, as_json
from spotify_assets.sandbox.catalogue import DEMO_PLAYS, Catalogue
from spotify_assets.sandbox.faults import Close, Cut, Fault, Garbage, Slow, Status
from spotify_assets.sandbox.sample_playlists import Item, Playlist, sample_playlists
from spotify_assets.sandbox.web_api import WebApi

__all__ = [
    "Call",
    "Catalogue",
    "Close",
    "Cut",
    "Garbage",
    "Item",
    "Playlist",
    "Slow",
    "StandIn",
    "Status",
    "sample_playlists",
]


@dataclass
class Call:
    """A call of the Web API.

    Attributes:
        client_id: Of the app whose token it bore; None where the token was missing or unknown.
        user: It was made for the user, and not for the app alone.
        status: Of the answer; 0 while there is none, and for good where the connection was closed instead.
        at: When it came in, in seconds of the monotonic clock.
    """

    method: str
    path: str
    query: dict[str, str]
    client_id: str | None
    user: bool
    status: int
    at: float


@dataclass
class _Order:
    """Faults to come."""

    pattern: re.Pattern[str]
    faults: tuple[Fault, ...]
    left: int | None
    given: int = 0

    def next(self) -> Fault:
        fault = self.faults[self.given % len(self.faults)]
        self.given += 1
        if self.left is not None:
            self.left -= 1
        return fault


class StandIn(WebApi, Accounts):
    """A server in a thread of its own, from `start` to `stop`; its attributes may be changed meanwhile.

        with StandIn() as api:
            api.fail("/v1/tracks/", Status(503), Close())

    Attributes:
        latency: Seconds before each answer.
        quota: Calls of the Web API for each client id, after which each answers 429; None for no end.
        quota_retry_after: Seconds that such an answer tells to wait; None to tell nothing.
        spent: Calls made, by client id.
        calls: Calls of the Web API, in the order they came in.
        max_in_flight: The most of them that were being answered at once.

    Args:
        plays: Records of the sample exports that the names are to agree with.
        day: The playlists are as on this day; today (UTC), where none is given.
    """

    def __init__(self, plays: int = DEMO_PLAYS, day: date | None = None) -> None:
        Accounts.__init__(self)
        WebApi.__init__(self, plays, day or datetime.now(UTC).date())
        self.latency = 0.0
        self.quota: int | None = None
        self.quota_retry_after: int | None = None
        self.spent: Counter[str] = Counter()
        self.calls: list[Call] = []
        self.max_in_flight = 0
        self._in_flight = 0
        self._orders: list[_Order] = []
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        accounts = [
            Route("/api/token", self.token, methods=["POST"]),
            Route("/authorize", self.authorize, methods=["GET"]),
        ]
        self._endpoints = Starlette(
            routes=[*self.routes(), *accounts],
            exception_handlers={RefusedError: _refused, HTTPException: _no_endpoint},
        )

    @property
    def url(self) -> str:
        """Where it listens, with no slash at the end."""
        if not self._port:
            raise RuntimeError("the stand-in has no address before it is started")
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> "StandIn":
        """Listen on a free port; after a stop, on the same one again."""
        if self._thread:
            raise RuntimeError(f"the stand-in runs already, at {self.url}")
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._answer,
            log_config=None,
            access_log=False,
            interface="asgi3",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            backlog=1024,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="spotify", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the stand-in did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Close every connection, and wait until the thread has ended."""
        if self._server and self._thread:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> "StandIn":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def fail(self, path_regex: str, *faults: Fault, times: int | None = 1) -> None:
        """The next calls of a path go wrong, each in one of the ways given, in their order.

        Args:
            path_regex: Found in the path, as `/v1/tracks/` is in `/v1/tracks/4uLU6hMCjMI75M1A2tKUQC`.
            faults: One for each call.
            times: How often to go through them; None for ever.
        """
        left = None if times is None else times * len(faults)
        self._orders.append(_Order(re.compile(path_regex), faults, left))

    def heal(self) -> None:
        """No fault is left."""
        self._orders.clear()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # spotipy ends some paths with a slash, which Spotify allows.
        scope["path"] = path = scope["path"].rstrip("/") or "/"
        if not path.startswith("/v1/"):
            await self._late_or_never(scope, receive, send, self._endpoints)
            return
        caller = self.caller(_bearer(scope))
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        client_id, user = (caller.client_id, caller.user) if caller else (None, False)
        call = Call(scope["method"], path, query, client_id, user, 0, time.monotonic())
        self.calls.append(call)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            refused = self._refusal(caller, _bearer(scope))
            scope["caller"] = caller
            await (refused or self._endpoints)(scope, receive, send)

        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            await self._late_or_never(scope, receive, noted, checked)
        except asyncio.CancelledError:  # stopped meanwhile: nobody is to get a 500 for it
            await self._hang_up(scope, receive)
        finally:
            self._in_flight -= 1

    async def _late_or_never(self, scope: Scope, receive: Receive, send: Send, endpoints: ASGIApp) -> None:
        if self.latency:
            await asyncio.sleep(self.latency)
        order = next(
            (order for order in self._orders if order.left != 0 and order.pattern.search(scope["path"])), None
        )
        match order and order.next():
            case None:
                await endpoints(scope, receive, send)
            case Slow(seconds):
                await asyncio.sleep(seconds)
                await endpoints(scope, receive, send)
            case Status() as status:
                await _answer_of(status)(scope, receive, send)
            case Garbage(body):
                await Response(body, media_type="application/json")(scope, receive, send)
            case Cut():
                headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": b'{"items": [', "more_body": True})
                await self._hang_up(scope, receive)
            case Close():
                await self._hang_up(scope, receive)

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        assert self._server
        for connection in self._server.server_state.connections:
            if getattr(connection, "client", None) == scope["client"]:
                connection.transport.close()
        # uvicorn answers 500 in our stead unless it knows by now that the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            pass

    def _refusal(self, caller: Caller | None, token: str) -> Response | None:
        """What is answered to somebody who may ask nothing now; None where they may."""
        if not token:
            return _error(401, "No token provided")
        if caller is None:
            return _error(401, "Invalid access token")
        if caller.expires <= time.monotonic():
            return _error(401, "The access token expired")
        if self.quota is not None and self.spent[caller.client_id] >= self.quota:
            wait = self.quota_retry_after
            headers = {} if wait is None else {"retry-after": str(wait)}
            return _error(429, "Quota exceeded", "QUOTA_EXCEEDED", headers)
        self.spent[caller.client_id] += 1
        return None


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    return ""


def _error(status: int, message: str, reason: str | None = None, headers: dict[str, str] | None = None) -> Response:
    return as_json(RefusedError(status, message, reason).body, status, headers)


def _answer_of(fault: Status) -> Response:
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    if fault.text is not None:
        return PlainTextResponse(fault.text, fault.code, headers)
    return _error(fault.code, fault.message or responses.get(fault.code, "Error"), fault.reason, headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return as_json(error.body, error.status)


def _no_endpoint(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "Service not found" if error.status_code == 404 else error.detail)
