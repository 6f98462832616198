"""The stand-in's accounts service: who asks, and for how long."""

import base64
import itertools
import re
import time
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

ALL_SCOPES = (
    "playlist-read-collaborative playlist-read-private user-library-read user-read-recently-played user-top-read"
)


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call is made.

    Attributes:
        user: Made for the user, and not for the app alone.
        expires: Seconds of the monotonic clock.
    """

    client_id: str
    user: bool
    scopes: frozenset[str]
    expires: float


class Accounts:
    """Apps, tokens and logins.

    Attributes:
        client_id: Of the first app.
        client_secret: Of the first app.
        apps: Client secret by client id; more may be added.
        refresh_token: One of the user's, with all scopes, that any app may use.
        token_seconds: Lifetime of an access token.
        deny_login: The user refuses at `/authorize`.
        token_calls: Grant types asked for, in order.
    """

    def __init__(self) -> None:
        self.client_id, self.client_secret = "standin-app-1", "standin-secret-1"
        self.apps = {self.client_id: self.client_secret}
        self.refresh_token = "standin-refresh-token-0"
        self.token_seconds: float = 3600
        self.deny_login = False
        self.token_calls: list[str] = []
        self._callers: dict[str, Caller] = {}
        self._codes: dict[str, tuple[str, str, str]] = {}
        self._scopes_of = {self.refresh_token: ALL_SCOPES}
        self._revoked: set[str] = set()
        self._numbers = itertools.count(1)

    def caller(self, token: str) -> Caller | None:
        """Who was given an access token; None where nobody was."""
        return self._callers.get(token)

    @property
    def access_tokens(self) -> tuple[str, ...]:
        """Every access token given out so far."""
        return tuple(self._callers)

    def expire_tokens(self) -> None:
        """Every access token given out so far is expired."""
        for token, caller in list(self._callers.items()):
            self._callers[token] = replace(caller, expires=0)

    def revoke_refresh_tokens(self) -> None:
        """Every refresh token given out so far is refused; a new login gives one that works."""
        self._revoked.update(self._scopes_of)

    async def authorize(self, request: Request) -> Response:
        """GET /authorize: the user approves at once, or denies."""
        query = request.query_params
        if query.get("client_id") not in self.apps:
            return PlainTextResponse("INVALID_CLIENT: Invalid client", 400)
        redirect_uri = query.get("redirect_uri", "")
        if not re.fullmatch(r"http://127\.0\.0\.1:\d+(/.*)?", redirect_uri):
            return PlainTextResponse("INVALID_CLIENT: Insecure redirect URI", 400)
        if query.get("response_type") != "code":
            return PlainTextResponse("response_type must be code", 400)
        answer = {"state": query["state"]} if "state" in query else {}
        if self.deny_login:
            answer["error"] = "access_denied"
        else:
            answer["code"] = f"standin-code-{next(self._numbers)}"
            self._codes[answer["code"]] = (query["client_id"], redirect_uri, query.get("scope", ""))
        return RedirectResponse(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        """POST /api/token: an access token for an app, a refresh token or a code."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        grant = form.get("grant_type", "")
        self.token_calls.append(grant)
        client_id, secret = _credentials(request, form)
        if client_id not in self.apps:
            return _refused("invalid_client", "Invalid client")
        if self.apps[client_id] != secret:
            return _refused("invalid_client", "Invalid client secret")
        match grant:
            case "client_credentials":
                return self._granted(client_id)
            case "refresh_token":
                return self._refreshed(client_id, form.get("refresh_token", ""))
            case "authorization_code":
                return self._exchanged(client_id, form.get("code", ""), form.get("redirect_uri", ""))
        return _refused("unsupported_grant_type", "grant_type parameter is missing or unknown")

    def _refreshed(self, client_id: str, refresh_token: str) -> Response:
        if refresh_token in self._revoked:
            return _refused("invalid_grant", "Refresh token revoked")
        if refresh_token not in self._scopes_of:
            return _refused("invalid_grant", "Invalid refresh token")
        return self._granted(client_id, self._scopes_of[refresh_token])

    def _exchanged(self, client_id: str, code: str, redirect_uri: str) -> Response:
        given = self._codes.pop(code, None)
        if given is None or given[0] != client_id:
            return _refused("invalid_grant", "Invalid authorization code")
        if given[1] != redirect_uri:
            return _refused("invalid_grant", "Invalid redirect URI")
        refresh_token = f"standin-refresh-token-{next(self._numbers)}"
        self._scopes_of[refresh_token] = given[2]
        return self._granted(client_id, given[2], refresh_token)

    def _granted(self, client_id: str, scope: str | None = None, refresh_token: str | None = None) -> Response:
        token = f"standin-access-token-{next(self._numbers)}"
        scopes = frozenset((scope or "").split())
        self._callers[token] = Caller(client_id, scope is not None, scopes, time.monotonic() + self.token_seconds)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds}
        if scope is not None:
            answer["scope"] = scope
        if refresh_token:
            answer["refresh_token"] = refresh_token
        return JSONResponse(answer)


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, secret


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400)
