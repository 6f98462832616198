"""Spotipy over the project's HTTP session: calls of the Web API and of the accounts service, which issues tokens.

Import it lazily: spotipy and requests take a third of a second.
"""

from collections.abc import Callable
from threading import BoundedSemaphore, Lock, local
from typing import Any

from spotipy import (
    MemoryCacheHandler,
    Spotify,
    SpotifyClientCredentials,
    SpotifyException,
    SpotifyOAuth,
)

from spotify_assets.spotify.budget import Budget, BudgetSpentError
from spotify_assets.spotify.failures import FailedError, Failure
from spotify_assets.spotify.http import Session, silence_spotipy

ACCOUNTS_URL = "https://accounts.spotify.com"

silence_spotipy()


class Transport:
    """Makes calls of the Web API, at most `concurrency` at once, and of the accounts service.

    Attributes:
        calls: Calls of the Web API made so far.
    """

    def __init__(self, api_url: str, concurrency: int) -> None:
        self._session = Session(concurrency)
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
        """Make one call of the Web API; returns the JSON object, or the failure.

        Raises:
            BudgetSpentError: The budget is used up.
        """
        with self._slots:
            if budget and not budget.take():
                raise BudgetSpentError("the budget of calls is used up")
            with self._lock:
                self.calls += 1
            self._bearer.token = token
            try:
                body = endpoint(self._spotify)
            except FailedError as failed:
                return failed.failure
            except SpotifyException:
                return Failure(400, "no such id")  # spotipy validates ids before the call
        return body if isinstance(body, dict) else Failure(0, "an answer that is no JSON")

    def app_token(self, client_id: str, secret: str) -> dict[str, Any] | Failure:
        """Request a token of the app (client credentials): `access_token` and `expires_in` (seconds)."""

        def ask() -> Any:
            app = SpotifyClientCredentials(
                client_id, secret, requests_session=self._session, cache_handler=MemoryCacheHandler()
            )
            app.OAUTH_TOKEN_URL = f"{self._accounts_url}/api/token"
            app.get_access_token(as_dict=False, check_cache=False)
            return app.cache_handler.get_cached_token()

        return _token(ask)

    def user_token(self, client_id: str, secret: str, refresh_token: str) -> dict[str, Any] | Failure:
        """Request a user's token: as `app_token`, with a `refresh_token` that Spotify may have rotated."""
        return _token(lambda: self.user_login(client_id, secret).refresh_access_token(refresh_token))

    def token_for_code(self, login: SpotifyOAuth, code: str) -> dict[str, Any] | Failure:
        """Exchange the code of a login for its first tokens."""

        def ask() -> Any:
            login.get_access_token(code, as_dict=False, check_cache=False)
            return login.cache_handler.get_cached_token()

        return _token(ask)

    def user_login(self, client_id: str, secret: str, redirect_uri: str = "http://127.0.0.1", **more: Any) -> Any:
        """Spotipy's authorization code flow, without its browser and cache file."""
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
    """Spotipy's source of tokens: the token of the current thread's call."""

    token = ""

    def get_access_token(self, as_dict: bool = False) -> str:
        return self.token


def _token(ask: Callable[[], Any]) -> dict[str, Any] | Failure:
    try:
        token = ask()
        if isinstance(token["access_token"], str) and float(token["expires_in"]) >= 0:
            return token
    except FailedError as failed:
        return failed.failure
    except UnicodeEncodeError:
        return Failure(400, "letters that no id or secret has", "invalid_client")
    except (ValueError, TypeError, KeyError):
        pass  # not the expected JSON; the error may quote it
    return Failure(0, "a token that can't be read")
