"""How much may be asked, and on what terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol

from spotify_assets.spotify.errors import SpotifyError


class BudgetSpentError(SpotifyError):
    """The budget allows no further call."""


class Budget:
    """Calls of the Web API that may still be made; batches and tries again count one each. Threads may share it."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._used = 0
        self._lock = Lock()

    def take(self) -> bool:
        """Take one call, where one is left."""
        with self._lock:
            taken = self._used < self._calls
            self._used += taken
            return taken

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return self._calls - self._used

    @property
    def used(self) -> int:
        """Calls made."""
        return self._used

    def __repr__(self) -> str:
        return f"Budget({self._calls}, used={self._used})"


class Caller(Protocol):
    """What may make calls: an app at Spotify, which may be blocked by its quota or told to pause."""

    @property
    def is_blocked(self) -> bool:
        """Whether its quota is used up."""

    @property
    def pause_left(self) -> float:
        """Seconds for which it was told to wait."""


@dataclass(frozen=True)
class Terms:
    """On what terms a call is made.

    Attributes:
        stop: Set when nobody waits for the answer any more.
        user: It needs a user.
        budget: Pays for each attempt.
        apps: All that may make it.
    """

    stop: Event
    user: bool = False
    budget: Budget | None = None
    apps: Sequence[Caller] = ()
