"""Accounts service of the stand-in Spotify: apps, logins and tokens."""

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
    """Owner of an access token.

    Attributes:
        client_id: Client id of the app.
        user: Whether the token is the user's rather than the app's.
        scopes: Granted scopes.
        expires: Expiry, in seconds of the monotonic clock.
    """

    client_id: str
    user: bool
    scopes: frozenset[str]
    expires: float


class Accounts:
    """Apps, tokens and logins.

    Attributes:
        client_id: Client id of the first app.
        client_secret: Client secret of the first app.
        apps: Client secret by client id; add to it for further apps.
        refresh_token: A refresh token of the user, with all scopes, valid for any app.
        token_seconds: Lifetime of access tokens.
        deny_login: Whether the user denies access at `/authorize`.
        token_calls: Grant types of the token requests so far, in order.
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
        """Owner of an access token; None for an unknown token."""
        return self._callers.get(token)

    @property
    def access_tokens(self) -> tuple[str, ...]:
        """All access tokens issued so far."""
        return tuple(self._callers)

    def expire_tokens(self) -> None:
        """Expire all access tokens issued so far."""
        for token, caller in list(self._callers.items()):
            self._callers[token] = replace(caller, expires=0)

    def revoke_refresh_tokens(self) -> None:
        """Revoke all refresh tokens issued so far; a new login gets a valid one."""
        self._revoked.update(self._scopes_of)

    async def authorize(self, request: Request) -> Response:
        """GET /authorize: the user approves or denies at once."""
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
        """POST /api/token: issue an access token for client credentials, a refresh token or a code."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        grant = form.get("grant_type", "")
        self.token_calls.append(grant)
        client_id, secret = _app_credentials(request, form)
        if client_id not in self.apps:
            return _oauth_error("invalid_client", "Invalid client")
        if self.apps[client_id] != secret:
            return _oauth_error("invalid_client", "Invalid client secret")
        match grant:
            case "client_credentials":
                return self._grant(client_id)
            case "refresh_token":
                return self._refresh(client_id, form.get("refresh_token", ""))
            case "authorization_code":
                return self._exchange_code(client_id, form.get("code", ""), form.get("redirect_uri", ""))
        return _oauth_error("unsupported_grant_type", "grant_type parameter is missing or unknown")

    def _refresh(self, client_id: str, refresh_token: str) -> Response:
        if refresh_token in self._revoked:
            return _oauth_error("invalid_grant", "Refresh token revoked")
        if refresh_token not in self._scopes_of:
            return _oauth_error("invalid_grant", "Invalid refresh token")
        return self._grant(client_id, self._scopes_of[refresh_token])

    def _exchange_code(self, client_id: str, code: str, redirect_uri: str) -> Response:
        given = self._codes.pop(code, None)
        if given is None or given[0] != client_id:
            return _oauth_error("invalid_grant", "Invalid authorization code")
        if given[1] != redirect_uri:
            return _oauth_error("invalid_grant", "Invalid redirect URI")
        refresh_token = f"standin-refresh-token-{next(self._numbers)}"
        self._scopes_of[refresh_token] = given[2]
        return self._grant(client_id, given[2], refresh_token)

    def _grant(self, client_id: str, scope: str | None = None, refresh_token: str | None = None) -> Response:
        token = f"standin-access-token-{next(self._numbers)}"
        scopes = frozenset((scope or "").split())
        self._callers[token] = Caller(client_id, scope is not None, scopes, time.monotonic() + self.token_seconds)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds}
        if scope is not None:
            answer["scope"] = scope
        if refresh_token:
            answer["refresh_token"] = refresh_token
        return JSONResponse(answer)


def _app_credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, secret


def _oauth_error(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400)
