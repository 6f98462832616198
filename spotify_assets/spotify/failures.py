"""Calls that fail, without the request that caused it; and trying again."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from spotify_assets.spotify.errors import SpotifyError, UnavailableError

ATTEMPTS = 5
FIRST_WAIT, LAST_WAIT = 0.5, 30.0  # seconds, doubled each time
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
    """Carries a failure through spotipy."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


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
            raise StoppedError("nobody waits for the answer any more")
        outcome = attempt()
        if not isinstance(outcome, Failure):
            return outcome
        if outcome.is_limit:
            limited += 1
            if limited == WAITS:
                raise still_limited()
            heed(outcome)
        elif outcome.may_pass:
            broken += 1
            if broken == ATTEMPTS:
                raise UnavailableError(
                    f"Spotify is unavailable: {ATTEMPTS} attempts, the last with {outcome}; try later"
                )
            seconds = min(LAST_WAIT, FIRST_WAIT * 2 ** (broken - 1)) * random.uniform(0.5, 1)
            log.info("%s: trying again in %.1f s", outcome, seconds)
            stop.wait(seconds)
        else:
            return outcome


def still_limited() -> UnavailableError:
    """Waiting as told did not help."""
    return UnavailableError(f"Spotify limits calls still, after {WAITS} waits; try again later")
