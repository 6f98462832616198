"""HTTP session for Spotify: pooled connections, timeouts, and no secrets in logs."""

import ipaddress
import logging
import os
import re
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from spotify_assets.spotify.errors import SpotifyError
from spotify_assets.spotify.failures import FailedError, Failure, log

TIMEOUT = (5.0, 20.0)  # seconds to connect, and between two bytes of an answer
MESSAGE_LENGTH = 200
# Spotify's messages where an app may not call an endpoint (403), or where it is gone (404, 410). Of audio features it
# sends 403 without a message. Others name another cause: a missing scope, a missing subscription, an unknown user.
ENDPOINT_REFUSED = re.compile(
    "|forbidden|gone|not found[.]?|service not found|.*(deprecated|quota mode).*", re.IGNORECASE
)


def silence_spotipy() -> None:
    """Drop all of spotipy's log records: at DEBUG they hold tokens, client secrets and whole answers.

    A filter works whatever level is set later, but only on the logger itself, not on its children.
    """
    for module in ("", ".client", ".oauth2", ".util", ".cache_handler"):
        logging.getLogger(f"spotipy{module}").addFilter(_drop_record)


def _drop_record(record: logging.LogRecord) -> bool:
    return False


def _certificates() -> str | bool:
    """File or folder of certificates, by the variables that requests reads; True for its own.

    Raises:
        SpotifyError: It isn't there.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := os.environ.get(variable):
            if not os.path.exists(path):
                raise SpotifyError(f"{variable} is {path!r}, and there is no such file or folder")
            return path
    return True


class Session(requests.Session):
    """Session that all apps share. It raises FailedError before spotipy logs a failure and drops its headers."""

    def __init__(self, concurrency: int) -> None:
        super().__init__()
        # urllib3 would sleep for the whole Retry-After, which may be a day.
        retry = urllib3.Retry(total=0, read=False, respect_retry_after_header=False)
        adapter = HTTPAdapter(pool_maxsize=concurrency, max_retries=retry)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # requests would read ~/.netrc, which replaces the token, and look for proxies on each call.
        self.trust_env = False
        self.verify = _certificates()
        self._proxies: dict[str, Any] = {}

    def close(self) -> None:
        """Does nothing: each spotipy object closes the session on deletion, though others still use it."""

    def request(self, method: str, url: str, **more: Any) -> requests.Response:  # type: ignore[override]  # all of them
        parts = urlsplit(url)
        more |= {"timeout": TIMEOUT, "verify": self.verify, "proxies": self._proxies_to(parts.netloc, url)}
        started = time.monotonic()
        failure = None
        try:
            response = super().request(method, url, **more)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Raised below, outside of this block: the error's context would hold the request with the token.
            failure = Failure(0, type(error).__name__)
        if failure is None and response.status_code >= 400:
            failure = _failure(response)
        log.debug(
            "%s %s: %s in %.0f ms",
            method,
            parts.path,
            failure or f"status {response.status_code}",
            (time.monotonic() - started) * 1000,
        )
        if failure:
            raise FailedError(failure)
        return response

    def _proxies_to(self, host: str, url: str) -> Any:
        if host not in self._proxies:
            self._proxies[host] = {} if _is_loopback(urlsplit(url).hostname or "") else get_environ_proxies(url)
        return self._proxies[host]


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
        is_page = "html" in response.headers.get("Content-Type", "")
        message, reason = None if is_page else response.text, None
    # A page, or another's JSON, is of something on the way: a firewall, a network's login page.
    is_spotifys = isinstance(error, dict) and error.get("status") == response.status_code
    after = response.headers.get("Retry-After", "").strip()
    return Failure(
        response.status_code,
        " ".join(str(message or reason or response.reason or "").split())[:MESSAGE_LENGTH],
        str(reason or ""),
        int(after[:9]) if after.isascii() and after.isdecimal() else None,
        is_spotifys
        and response.status_code in (403, 404, 410)
        and not reason
        and ENDPOINT_REFUSED.fullmatch(str(message or "")) is not None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
