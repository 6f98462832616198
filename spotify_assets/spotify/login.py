"""User login by OAuth's authorization code flow, for the first app. A login is valid for six months.

https://developer.spotify.com/documentation/web-api/tutorials/code-flow
"""

import secrets
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spotify_assets.settings import Settings, variable
from spotify_assets.spotify.errors import DASHBOARD, CredentialsError, SpotifyError
from spotify_assets.spotify.failures import Failure, retry_call
from spotify_assets.spotify.state import SpotifyState

SCOPES = ("playlist-read-private", "playlist-read-collaborative", "user-read-recently-played")
PATH = "/callback"
REQUEST_SECONDS = 10
LONGEST_PAUSE = 10  # seconds; the user waits
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>spotify-assets</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 32em"><h1>{title}</h1><p>{text}</p></body></html>
"""


def log_in(
    settings: Settings,
    port: int = 8888,
    open_browser: Callable[[str], Any] = webbrowser.open,
    announce: Callable[[str], Any] = print,
    timeout: float = 300,
) -> None:
    """Let the user authorize the first app in a browser, and store the refresh token.

    Args:
        settings: The app, and the state file.
        port: Port of loopback that Spotify redirects the browser to.
        open_browser: Opens a URL in the user's browser.
        announce: Called with each line for the user, among them the URL.
        timeout: Seconds to wait for the user.

    Raises:
        CredentialsError: No app is configured, or Spotify rejects it.
        SpotifyError: The user denies access, doesn't answer in time, or the port is in use.
    """
    # Imported here: it imports spotipy, which takes a third of a second.
    from spotify_assets.spotify.transport import Transport

    if not settings.apps:
        raise CredentialsError.none_set()
    client_id, secret = settings.apps[0]
    redirect_uri = f"http://127.0.0.1:{port}{PATH}"
    state = secrets.token_urlsafe(24)
    transport = Transport(settings.api_url, 1)
    flow = transport.user_login(client_id, secret.get_secret_value(), redirect_uri, state=state, scope=SCOPES)
    deadline = time.monotonic() + timeout
    with _Listener(port, state) as listener:
        announce(f"Once, {redirect_uri} has to be registered as a redirect URI of your app: {DASHBOARD}")
        announce(f"Log in to Spotify here: {flow.get_authorize_url()}")
        with suppress(webbrowser.Error, OSError):
            open_browser(flow.get_authorize_url())
        answer = listener.answer(deadline - time.monotonic())
    if answer is None:
        others = f"; {listener.foreign_answers} answers belonged to another login" if listener.foreign_answers else ""
        raise SpotifyError(f"nobody logged in within {timeout:g} s{others}; try again")
    if "code" not in answer:
        raise SpotifyError(f"Spotify gave no login ({answer.get('error', 'no code')}); try again, and allow access")
    token = retry_call(lambda: transport.token_for_code(flow, answer["code"]), _wait, Event())
    if isinstance(token, Failure):
        raise CredentialsError.unknown(client_id) if token.reason == "invalid_client" else _token_refused(token)
    if not token.get("refresh_token"):
        raise SpotifyError("Spotify answered without a refresh token; try again")
    kept = SpotifyState(settings.spotify_state)
    kept.keep_login(client_id, token["refresh_token"])
    ends_at = kept.login_ends_at(client_id)
    announce(f"Logged in until {ends_at:%Y-%m-%d}; the login is kept in {settings.spotify_state}")
    if settings.refresh_token:
        announce(f"{variable('refresh_token')} is set and takes precedence over it: unset it")


class _Listener:
    """Server on loopback that receives the redirect. It accepts one path, and only the `state` of this login."""

    def __init__(self, port: int, state: str) -> None:
        self.foreign_answers = 0
        self._state = state
        self._answers: SimpleQueue[dict[str, str]] = SimpleQueue()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                status, title, text = listener.take(self.path)
                page = PAGE.format(title=title, text=text).encode()
                self.send_response_only(status)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's
                """Nothing: the request line holds the code."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except (OSError, OverflowError):
            raise SpotifyError(
                f"port {port} of this machine is unavailable, perhaps used by another program; choose another "
                f"one, and register http://127.0.0.1:<port>{PATH} as a redirect URI of your app: {DASHBOARD}"
            ) from None
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="spotify-login", daemon=True)

    def __enter__(self) -> "_Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str) -> tuple[int, str, str]:
        """Handle a request; returns status, title and text of the page."""
        parts = urlsplit(path)
        if parts.path != PATH:
            return 404, "Nothing here", "This address only receives the answer of a login at Spotify."
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if not secrets.compare_digest(query.get("state", "").encode(), self._state.encode()):
            self.foreign_answers += 1
            return 400, "Not this login", "This answer belongs to another login. Use the address in your terminal."
        self._answers.put(query)
        if "code" in query:
            return 200, "Thank you", "You may close this window. The result is in your terminal."
        return 200, "No login", "The app did not get access to Spotify. See your terminal."

    def answer(self, seconds: float) -> dict[str, str] | None:
        """Wait for the redirect and return its query parameters; None after the timeout."""
        try:
            return self._answers.get(timeout=max(0.0, seconds))
        except Empty:
            return None


_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Connection": "close",
}


def _wait(failure: Failure) -> None:
    time.sleep(1 if failure.retry_after is None else min(failure.retry_after, LONGEST_PAUSE))


def _token_refused(failure: Failure) -> SpotifyError:
    if failure.reason == "invalid_grant":
        return SpotifyError("Spotify no longer accepts the code of this login; try again")
    return SpotifyError(f"Spotify gives no token ({failure.status}): {failure.message}")
