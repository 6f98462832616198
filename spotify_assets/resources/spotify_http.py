"""The way to Spotify: one pool of connections, time limits, and failures without the request that caused them.

Imported when a client is made, as spotipy and requests take a third of a second.
"""

import ipaddress
import logging
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from threading import BoundedSemaphore, Event, Lock, local
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from spotipy import (  # type: ignore[import-untyped]  # it ships no types
    MemoryCacheHandler,
    Spotify,
    SpotifyClientCredentials,
    SpotifyException,
    SpotifyOAuth,
)

from spotify_assets.resources.spotify_budget import Budget, BudgetSpentError
from spotify_assets.resources.spotify_errors import SpotifyError, UnavailableError

TIMEOUT = (5.0, 20.0)  # seconds to connect, and between two bytes of an answer
ATTEMPTS = 5
FIRST_WAIT, LAST_WAIT = 0.5, 30.0  # seconds, doubled each time
WAITS = 10  # times that one call heeds a Retry-After
ACCOUNTS_URL = "https://accounts.spotify.com"
MESSAGE_LENGTH = 200

log = logging.getLogger("spotify_assets.spotify")

T = TypeVar("T")


def _silence_spotipy() -> None:
    """At DEBUG it prints tokens, the client secret and whole answers; and each error, which is raised as well.

    A filter holds whatever level is set later, also on the root logger, but only on the very logger it is added to.
    """
    for module in ("", ".client", ".oauth2", ".util", ".cache_handler"):
        logging.getLogger(f"spotipy{module}").addFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


_silence_spotipy()


@dataclass(frozen=True)
class Failure:
    """A call that failed.

    Attributes:
        status: Of the answer; 0 where there was none that could be read.
        message: What Spotify says, or what broke.
        reason: Spotify's word for it, as `QUOTA_EXCEEDED` or `invalid_grant`.
        retry_after: Seconds that Spotify tells to wait.
    """

    status: int
    message: str
    reason: str = ""
    retry_after: int | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.status == 0 or self.status >= 500

    @property
    def is_limit(self) -> bool:
        """Whether too much was asked."""
        return self.status == 429


class StoppedError(SpotifyError):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__("stopped")


class _FailedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Transport:
    """Calls of the Web API and of the accounts service, at most `concurrency` of the former at once.

    Attributes:
        calls: Calls of the Web API made.
    """

    def __init__(self, api_url: str, concurrency: int) -> None:
        self._session = _Session(concurrency)
        self._accounts_url = api_url or ACCOUNTS_URL
        self._bearer = _Bearer()
        self._spotify = Spotify(auth_manager=self._bearer, requests_session=self._session)
        if api_url:
            self._spotify.prefix = f"{api_url}/v1/"
        self._slots = BoundedSemaphore(concurrency)
        self._lock = Lock()
        self.calls = 0

    def get(
        self, endpoint: Callable[[Spotify], Any], token: str, budget: Budget | None = None
    ) -> dict[str, Any] | Failure:
        """What one call of the Web API answers.

        Raises:
            BudgetSpentError: where none may be made.
        """
        with self._slots:
            if budget and not budget.take():
                raise BudgetSpentError
            with self._lock:
                self.calls += 1
            self._bearer.token = token
            try:
                body = endpoint(self._spotify)
            except _FailedError as failed:
                return failed.failure
            except SpotifyException:
                return Failure(400, "no such id")  # it looks at ids before it asks
        return body if isinstance(body, dict) else Failure(0, "an answer that is no JSON")

    def app_token(self, client_id: str, secret: str) -> dict[str, Any] | Failure:
        """A token of the app alone: `access_token` and `expires_in` (seconds)."""

        def ask() -> Any:
            app = SpotifyClientCredentials(
                client_id, secret, requests_session=self._session, cache_handler=MemoryCacheHandler()
            )
            app.OAUTH_TOKEN_URL = f"{self._accounts_url}/api/token"
            app.get_access_token(as_dict=False, check_cache=False)
            return app.cache_handler.get_cached_token()

        return _token(ask)

    def user_token(self, client_id: str, secret: str, refresh_token: str) -> dict[str, Any] | Failure:
        """A token for the user who logged in: as `app_token`, with a `refresh_token`, at times another one."""
        return _token(lambda: self.user_login(client_id, secret).refresh_access_token(refresh_token))

    def token_for_code(self, login: SpotifyOAuth, code: str) -> dict[str, Any] | Failure:
        """The first tokens of a login, for the code that came of it."""

        def ask() -> Any:
            login.get_access_token(code, as_dict=False, check_cache=False)
            return login.cache_handler.get_cached_token()

        return _token(ask)

    def user_login(self, client_id: str, secret: str, redirect_uri: str = "http://127.0.0.1", **more: Any) -> Any:
        """Spotipy's authorization-code flow, without its browser and its file."""
        login = SpotifyOAuth(
            client_id,
            secret,
            redirect_uri,
            requests_session=self._session,
            open_browser=False,
            cache_handler=MemoryCacheHandler(),
            **more,
        )
        login.OAUTH_AUTHORIZE_URL = f"{self._accounts_url}/authorize"
        login.OAUTH_TOKEN_URL = f"{self._accounts_url}/api/token"
        return login


class _Bearer(local):
    """Where spotipy asks for a token: the one that this thread is about to send."""

    token = ""

    def get_access_token(self, as_dict: bool = False) -> str:
        return self.token


class _Session(requests.Session):
    """Connections that all apps share; failures are raised before spotipy logs them and loses their headers."""

    def __init__(self, concurrency: int) -> None:
        super().__init__()
        # urllib3 would sleep a whole Retry-After, which may be a day.
        retry = urllib3.Retry(total=0, read=False, respect_retry_after_header=False)
        adapter = HTTPAdapter(pool_maxsize=concurrency, max_retries=retry)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A ~/.netrc would replace the token, and is looked for with each call, as are proxies.
        self.trust_env = False
        self.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._proxies: dict[str, Any] = {}

    def close(self) -> None:
        """Nothing: each of spotipy's objects closes the session when it goes, though others use it."""

    def request(self, method: str, url: str, **more: Any) -> requests.Response:  # type: ignore[override]  # all of them
        parts = urlsplit(url)
        more |= {"timeout": TIMEOUT, "verify": self.verify, "proxies": self._proxies_to(parts.netloc, url)}
        started = time.monotonic()
        failure = None
        try:
            response = super().request(method, url, **more)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Raised below, as the error holds the request, and that the token.
            failure = Failure(0, type(error).__name__)
        if failure is None and response.status_code >= 400:
            failure = _failure(response)
        log.debug(
            "%s %s: %s in %.0f ms",
            method,
            parts.path,
            (failure.status or failure.message) if failure else response.status_code,
            (time.monotonic() - started) * 1000,
        )
        if failure:
            raise _FailedError(failure)
        return response

    def _proxies_to(self, host: str, url: str) -> Any:
        if host not in self._proxies:
            self._proxies[host] = {} if _is_loopback(urlsplit(url).hostname or "") else get_environ_proxies(url)
        return self._proxies[host]


def patiently(attempt: Callable[[], T | Failure], heed: Callable[[Failure], None], stop: Event) -> T | Failure:
    """What an attempt gives, made again while Spotify is down or has been asked too much.

    Args:
        attempt: Makes the call.
        heed: Is given each failure that is a limit: waits, or raises.
        stop: Set when nobody waits for the answer any more.

    Returns:
        The answer, or a failure that trying again would not mend.

    Raises:
        UnavailableError: when it has been tried often enough.
        StoppedError: when nobody waits any more.
    """
    broken = limited = 0
    while True:
        if stop.is_set():
            raise StoppedError
        outcome = attempt()
        if not isinstance(outcome, Failure):
            return outcome
        if outcome.is_limit:
            limited += 1
            if limited == WAITS:
                raise UnavailableError(f"Spotify limits calls still, after {WAITS} waits; try again later")
            heed(outcome)
        elif outcome.may_pass:
            broken += 1
            if broken == ATTEMPTS:
                raise _unavailable(outcome)
            stop.wait(min(LAST_WAIT, FIRST_WAIT * 2 ** (broken - 1)) * random.uniform(0.5, 1))
        else:
            return outcome


def _unavailable(failure: Failure) -> UnavailableError:
    what = f"status {failure.status}" if failure.status else failure.message
    return UnavailableError(f"Spotify is unavailable: {ATTEMPTS} attempts, the last with {what}; try again later")


def _token(ask: Callable[[], Any]) -> dict[str, Any] | Failure:
    try:
        token = ask()
        if isinstance(token["access_token"], str) and float(token["expires_in"]) >= 0:
            return token
    except _FailedError as failed:
        return failed.failure
    except UnicodeEncodeError:
        return Failure(400, "letters that no id or secret has", "invalid_client")
    except (ValueError, TypeError, KeyError):
        pass  # no JSON, or not such a one; the error may quote it
    return Failure(0, "a token that can't be read")


def _failure(response: requests.Response) -> Failure:
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        message, reason = error.get("message"), error.get("reason")
    elif isinstance(body, dict):
        message, reason = body.get("error_description"), error
    else:
        message, reason = response.text, None
    after = response.headers.get("Retry-After", "").strip()
    return Failure(
        response.status_code,
        " ".join(str(message or reason or response.reason or "").split())[:MESSAGE_LENGTH],
        str(reason or ""),
        int(after[:9]) if after.isascii() and after.isdecimal() else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
