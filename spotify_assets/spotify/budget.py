"""The budget of calls, and the terms of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol

from spotify_assets.spotify.errors import SpotifyError


class BudgetSpentError(SpotifyError):
    """The budget is used up."""


class Budget:
    """A number of Web API calls that may be made. A batch counts as one call, and so does each retry. Thread-safe."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._used = 0
        self._lock = Lock()

    def take(self) -> bool:
        """Take one call; False if none is left."""
        with self._lock:
            taken = self._used < self._calls
            self._used += taken
            return taken

    @property
    def left(self) -> int:
        """Calls left."""
        return self._calls - self._used

    @property
    def used(self) -> int:
        """Calls made."""
        return self._used

    def __repr__(self) -> str:
        return f"Budget({self._calls}, used={self._used})"


class Limited(Protocol):
    """The limits of an app at Spotify, by which callers choose among apps."""

    @property
    def is_blocked(self) -> bool:
        """Whether its quota is used up."""

    @property
    def pause_left(self) -> float:
        """Seconds until the end of the last Retry-After."""


@dataclass(frozen=True)
class Terms:
    """Terms of a call.

    Attributes:
        stop: Set to cancel the call, as its result is no longer needed.
        user: Whether the call needs a user's login.
        budget: Budget that each attempt is taken from; None for no limit.
        apps: All apps that may make the call.
    """

    stop: Event
    user: bool = False
    budget: Budget | None = None
    apps: Sequence[Limited] = ()
