"""How much may be asked."""

from threading import Lock

from spotify_assets.resources.spotify_errors import SpotifyError


class BudgetSpentError(SpotifyError):
    """The budget allows no further call."""

    def __init__(self) -> None:
        super().__init__("the budget of calls is used up")


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
