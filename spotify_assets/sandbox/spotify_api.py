"""Stand-in for Spotify on loopback: Web API and accounts service, with simulated faults."""

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
from spotify_assets.sandbox.answers import ApiError, json_response
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
        client_id: Client id of the token's app; None for a missing or unknown token.
        user: Whether the token was the user's rather than the app's.
        status: Status of the answer; 0 until it is sent, or if the connection was closed instead.
        at: Time of arrival, in seconds of the monotonic clock.
    """

    method: str
    path: str
    query: dict[str, str]
    client_id: str | None
    user: bool
    status: int
    at: float


@dataclass
class _PlannedFaults:
    """Faults for the next calls of paths that match a pattern; `left` is None for all further calls."""

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
    """Server in a thread, from `start` to `stop`. Its attributes may be changed while it runs.

        with StandIn() as api:
            api.fail("/v1/tracks/", Status(503), Close())

    Attributes:
        latency: Seconds before each answer.
        quota: Calls of the Web API per client id, after which all are answered with 429; None for no limit.
        quota_retry_after: Value of `Retry-After` in those answers (seconds); None for no header.
        spent: Calls made, by client id.
        calls: Calls of the Web API, in order of arrival.
        max_in_flight: Highest number of concurrent calls so far.

    Args:
        plays: Number of records in the sample exports; names and ids then agree with theirs.
        day: Day of the playlists (UTC); today by default.
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
        self._planned: list[_PlannedFaults] = []
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        accounts = [
            Route("/api/token", self.token, methods=["POST"]),
            Route("/authorize", self.authorize, methods=["GET"]),
        ]
        self._endpoints = Starlette(
            routes=[*self.routes(), *accounts],
            exception_handlers={ApiError: _api_error_response, HTTPException: _http_error_response},
        )

    @property
    def url(self) -> str:
        """URL of the server, without a trailing slash."""
        if not self._port:
            raise RuntimeError("the stand-in has no address before it is started")
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> "StandIn":
        """Listen on a free port, or on the same one again after a stop."""
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
        """Close all connections and wait for the thread's end."""
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
        """Let the next calls of a path fail, one fault per call, in order.

        Args:
            path_regex: Searched in the path, as `/v1/tracks/` in `/v1/tracks/4uLU6hMCjMI75M1A2tKUQC`.
            faults: One fault per call.
            times: Number of repetitions of all faults; None for no end.
        """
        left = None if times is None else times * len(faults)
        self._planned.append(_PlannedFaults(re.compile(path_regex), faults, left))

    def heal(self) -> None:
        """Drop all planned faults."""
        self._planned.clear()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # spotipy's paths may have a trailing slash, which Spotify accepts.
        scope["path"] = path = scope["path"].rstrip("/") or "/"
        if not path.startswith("/v1/"):
            await self._apply_faults(scope, receive, send, self._endpoints)
            return
        caller = self.caller(_bearer_token(scope))
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        client_id, user = (caller.client_id, caller.user) if caller else (None, False)
        call = Call(scope["method"], path, query, client_id, user, 0, time.monotonic())
        self.calls.append(call)

        async def record_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        async def authorized(scope: Scope, receive: Receive, send: Send) -> None:
            refused = self._refusal(caller, _bearer_token(scope))
            scope["caller"] = caller
            await (refused or self._endpoints)(scope, receive, send)

        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            await self._apply_faults(scope, receive, record_status, authorized)
        except asyncio.CancelledError:  # the server was stopped: close the connection instead of answering 500
            await self._hang_up(scope, receive)
        finally:
            self._in_flight -= 1

    async def _apply_faults(self, scope: Scope, receive: Receive, send: Send, endpoints: ASGIApp) -> None:
        if self.latency:
            await asyncio.sleep(self.latency)
        order = next(
            (order for order in self._planned if order.left != 0 and order.pattern.search(scope["path"])), None
        )
        match order and order.next():
            case None:
                await endpoints(scope, receive, send)
            case Slow(seconds):
                await asyncio.sleep(seconds)
                await endpoints(scope, receive, send)
            case Status() as status:
                await _status_response(status)(scope, receive, send)
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
        # Wait until uvicorn has noticed the closed connection: it would answer 500 otherwise.
        while (await receive())["type"] != "http.disconnect":
            pass

    def _refusal(self, caller: Caller | None, token: str) -> Response | None:
        """Error response for an invalid token or a used-up quota; None if the call is allowed."""
        if not token:
            return _error_response(401, "No token provided")
        if caller is None:
            return _error_response(401, "Invalid access token")
        if caller.expires <= time.monotonic():
            return _error_response(401, "The access token expired")
        if self.quota is not None and self.spent[caller.client_id] >= self.quota:
            wait = self.quota_retry_after
            headers = {} if wait is None else {"retry-after": str(wait)}
            return _error_response(429, "Quota exceeded", "QUOTA_EXCEEDED", headers)
        self.spent[caller.client_id] += 1
        return None


def _bearer_token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    return ""


def _error_response(
    status: int, message: str, reason: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    return json_response(ApiError(status, message, reason).body, status, headers)


def _status_response(fault: Status) -> Response:
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    if fault.text is not None:
        return PlainTextResponse(fault.text, fault.code, headers)
    return _error_response(fault.code, fault.message or responses.get(fault.code, "Error"), fault.reason, headers)


def _api_error_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return json_response(error.body, error.status)


def _http_error_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(error.status_code, "Service not found" if error.status_code == 404 else error.detail)
