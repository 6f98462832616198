"""Calls that fail, without the request that caused it; and their retries."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from spotify_assets.retry import WEB_API, retry
from spotify_assets.spotify.errors import SpotifyError, UnavailableError

WAITS = 10  # times that one call heeds a Retry-After

log = logging.getLogger("spotify_assets.spotify")

T = TypeVar("T")


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

    def __str__(self) -> str:
        return f"status {self.status}" if self.status else self.message

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


class PausedError(SpotifyError):
    """An app was told to wait a little, and another one need not."""


class FailedError(Exception):
    """Carries a failure through what knows of exceptions only: spotipy, and retries."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def retry_call(attempt: Callable[[], T | Failure], heed: Callable[[Failure], None], stop: Event) -> T | Failure:
    """Make a call, again while Spotify is down or has been asked too much, and return its answer.

    Args:
        attempt: Makes the call.
        heed: Is given each failure that is a limit: waits, or raises.
        stop: Set when nobody waits for the answer any more.

    Returns:
        The answer, or a failure that a retry would not mend.

    Raises:
        UnavailableError: after `WEB_API.attempts` failures in a row, or `WAITS` limits.
        StoppedError: when nobody waits any more.
    """

    def call() -> T | Failure:
        if stop.is_set():
            raise StoppedError("nobody waits for the answer any more")
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
            heed(outcome)
    raise still_limited()


def still_limited() -> UnavailableError:
    """Waiting as told did not help."""
    return UnavailableError(f"Spotify limits calls still, after {WAITS} waits; try again later")
