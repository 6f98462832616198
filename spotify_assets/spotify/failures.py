"""Calls that fail, without the request that caused it; and their retries."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from spotify_assets.retry import WEB_API, retry
from spotify_assets.spotify.errors import SpotifyError, UnavailableError

WAITS = 10  # a call waits at most so often for a Retry-After

log = logging.getLogger("spotify_assets.spotify")

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A call that failed.

    Attributes:
        status: HTTP status; 0 without a readable answer.
        message: Spotify's message, or the error of the connection.
        reason: Spotify's error code, as `QUOTA_EXCEEDED` or `invalid_grant`.
        retry_after: Value of the header `Retry-After` (seconds); None without it.
        concerns_endpoint: Whether Spotify refuses the endpoint to the app, rather than this call or every call.
    """

    status: int
    message: str
    reason: str = ""
    retry_after: int | None = None
    concerns_endpoint: bool = False

    def __str__(self) -> str:
        return f"status {self.status}" if self.status else self.message

    @property
    def may_pass(self) -> bool:
        """Whether a retry may succeed."""
        return self.status == 0 or self.status >= 500

    @property
    def is_limit(self) -> bool:
        """Whether the rate limit or quota was exceeded."""
        return self.status == 429


class StoppedError(SpotifyError):
    """The call was cancelled: its result is no longer needed."""


class PausedError(SpotifyError):
    """An app must wait, and another one may be called sooner."""


class FailedError(Exception):
    """Carries a failure as an exception, through spotipy and `retry`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def retry_call(attempt: Callable[[], T | Failure], on_limit: Callable[[Failure], None], stop: Event) -> T | Failure:
    """Make a call, with retries while Spotify is down or limits calls.

    Args:
        attempt: Makes the call.
        on_limit: Called with each failure of status 429; waits or raises.
        stop: Set to cancel the call.

    Returns:
        The answer, or a failure that a retry would repeat.

    Raises:
        UnavailableError: After `WEB_API.attempts` failures in a row, or `WAITS` limits.
        StoppedError: The call was cancelled.
    """

    def call() -> T | Failure:
        if stop.is_set():
            raise StoppedError("the call was cancelled")
        outcome = attempt()
        if isinstance(outcome, Failure) and outcome.may_pass:
            raise FailedError(outcome)
        return outcome

    for waits in range(WAITS):
        try:
            outcome = retry(call, WEB_API, FailedError, sleep=stop.wait)
        except FailedError as failed:
            raise UnavailableError(
                f"Spotify is unavailable: {WEB_API.attempts} attempts, the last with {failed.failure}; try later"
            ) from None
        if not isinstance(outcome, Failure) or not outcome.is_limit:
            return outcome
        if waits < WAITS - 1:
            on_limit(outcome)
    raise still_limited()


def still_limited() -> UnavailableError:
    """The error after `WAITS` waits for a Retry-After."""
    return UnavailableError(f"Spotify still limits calls after {WAITS} waits; try again later")
