"""Client of Spotify's Web API: reads playlists, recent plays and metadata by one or several apps, within quotas.

Endpoints and fields: https://developer.spotify.com/documentation/web-api.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Event, Lock, local
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from spotify_assets.settings import Settings
from spotify_assets.spotify.budget import Budget, Terms
from spotify_assets.spotify.errors import (
    LOGIN,
    CredentialsError,
    LoginNeededError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from spotify_assets.spotify.failures import WAITS, PausedError, still_limited
from spotify_assets.spotify.reads import Answer, Kind, Reads, is_id, read_batch
from spotify_assets.spotify.state import SpotifyState

if TYPE_CHECKING:
    from spotify_assets.spotify.app import App

PAGE_SIZE = 50
PLAYLIST_RESTARTS = 3
EPISODES_TOO = ("track", "episode")

Input = TypeVar("Input")
Result = TypeVar("Result")


class _Thread(local):
    """The event that cancels the calls of the current thread; it is never set in threads that are not the client's."""

    stop = Event()


class SpotifyClient:
    """Client of the Web API. Thread-safe; it connects on the first call.

    Every method that calls the API raises a subclass of `SpotifyError`, after retries.

    Attributes:
        state: Stored logins and quotas.
    """

    def __init__(self, settings: Settings) -> None:
        # Imported here: they import spotipy, which takes a third of a second.
        from spotify_assets.spotify.app import App
        from spotify_assets.spotify.transport import Transport

        self.state = SpotifyState(settings.spotify_state)
        self._concurrency = settings.api_concurrency
        self._transport = Transport(settings.api_url, self._concurrency)
        self._apps = [
            App(client_id, secret, SecretStr("") if number else settings.refresh_token, self.state, self._transport)
            for number, (client_id, secret) in enumerate(settings.apps)
        ]
        self._turns = 0
        self._lock = Lock()
        self._thread = _Thread()

    @property
    def calls(self) -> int:
        """Calls of the Web API made so far, including retries."""
        return self._transport.calls

    def has_login(self) -> bool:
        """Whether a user has logged in to any of the apps."""
        return any(app.has_login() for app in self._apps)

    def me(self) -> dict[str, Any]:
        """The profile of the logged-in user."""
        return self._call(lambda spotify: spotify.me(), user=True)

    def my_playlists(self) -> list[dict[str, Any]]:
        """All playlists that the user owns or follows, as simplified playlist objects."""
        playlists: dict[str, dict[str, Any]] = {}
        offset, total = 0, 1
        while offset < total:
            page = self._call(_page("current_user_playlists", offset), user=True)
            items, total = _items(page), page["total"]
            playlists |= {item["id"]: item for item in items if item}
            offset += PAGE_SIZE
        return list(playlists.values())

    def playlist(self, id: str) -> dict[str, Any]:  # noqa: A002  # it is Spotify's word
        """A playlist object, with its first page of items if Spotify includes it."""
        return self._call_playlist(
            id, lambda spotify: spotify.playlist(id, additional_types=EPISODES_TOO), self.has_login()
        )

    def playlist_pages(self, id: str) -> list[dict[str, Any]]:  # noqa: A002
        """All pages of a playlist's items, consistent with each other.

        The pages are read again, up to 3 times, if the playlist changes meanwhile.

        Raises:
            LoginNeededError: Only a user may read the items.
            RefusedError: The logged-in user may not read them.
            UnavailableError: The playlist changed during each attempt.
        """
        user = self.has_login()
        try:
            for _ in range(1 + PLAYLIST_RESTARTS):
                if pages := self._pages(id, user):
                    return pages
        except RefusedError as refused:
            refusal = str(refused)
        else:
            raise UnavailableError(f"playlist {id} changed during each attempt to read it; try again later")
        if user:
            raise RefusedError(
                f"playlist {id}: in development mode only playlists that one owns or collaborates on can be read. "
                f"{refusal}"
            )
        raise LoginNeededError(f"playlist {id}: Spotify shows its items only to a user who has logged in: {LOGIN}")

    def recently_played(self, after_ms: int | None) -> dict[str, Any]:
        """A page of the user's latest plays of tracks, at most 50, latest first.

        Args:
            after_ms: Only plays after this time (ms since 1970, UTC); None for all.
        """
        return self._call(lambda spotify: spotify.current_user_recently_played(PAGE_SIZE, after=after_ms), user=True)

    def may_read(self, kind: Kind) -> bool:
        """Whether any app may read objects of a kind, as far as is known; True without an app."""
        return not self._apps or any(app.may_read(kind) for app in self._apps)

    def metadata(self, kind: Kind, ids: Iterable[str], budget: Budget) -> Iterator[Answer]:
        """Read the objects of distinct ids concurrently; yields one answer per id, in order of arrival.

        Apps that may read batches do so. The iterator ends early, without an error, when the budget is used up, and
        when no app may read the kind, which `may_read` then says.

        Args:
            kind: `tracks`, `albums`, `artists` or `audio_features`.
            ids: Bare ids. A malformed one is answered with 404, without a call.
            budget: Budget that each call is taken from, including batches and retries.

        Raises:
            QuotaExhaustedError: The quotas of all apps are used up; raised after the calls in flight have ended.
            SpotifyError: Another call failed; raised after the calls in flight have ended.
        """
        reads = Reads(kind, ids)
        running: dict[Future[list[Answer]], tuple[App, list[str]]] = {}
        error: SpotifyError | None = None
        answers = reads.malformed
        with self._pool() as (pool, stop):
            while True:
                try:
                    while not error and reads and budget.left > 0 and len(running) < self._concurrency:
                        if not self.may_read(kind):
                            break
                        readers = self._open_apps(kind=kind)
                        apps = reads.may_ask(readers)
                        if not apps:
                            break
                        app = self._in_turn(apps)
                        batch = reads.next(app)
                        terms = Terms(stop, budget=budget, apps=readers)
                        running[pool.submit(read_batch, app, kind, batch, terms)] = app, batch
                except SpotifyError as no_app:
                    error = no_app
                yield from answers
                if not running:
                    break
                answers = []
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    app, batch = running.pop(future)
                    try:
                        answers += reads.answered(app, batch, future)
                    except SpotifyError as failed:
                        error = error or failed
        if error:
            raise error

    def each(
        self, function: Callable[[Input], Result], items: Iterable[Input]
    ) -> Iterator[tuple[Input, Result | SpotifyError]]:
        """Call a function for each item concurrently; yields items with their results, in order of completion.

        A SpotifyError is yielded in place of the result. Once a quota is used up no further call starts, and all
        remaining items are yielded with that error.
        """
        waiting = iter(items)
        running: dict[Future[Result], Input] = {}
        ended: list[tuple[Input, Result | SpotifyError]] = []
        exhausted: QuotaExhaustedError | None = None
        with self._pool() as (pool, _):
            while True:
                if not exhausted:
                    for item in islice(waiting, self._concurrency - len(running)):
                        running[pool.submit(function, item)] = item
                yield from ended
                if not running:
                    break
                ended = []
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    item = running.pop(future)
                    try:
                        ended.append((item, future.result()))
                    except SpotifyError as error:
                        ended.append((item, error))
                        exhausted = error if isinstance(error, QuotaExhaustedError) else exhausted
        if exhausted:
            for item in waiting:
                yield item, exhausted

    def _call_playlist(self, key: str, endpoint: Callable[[Any], Any], user: bool) -> dict[str, Any]:
        try:
            if is_id(key):
                return self._call(endpoint, user)
        except NotFoundError:
            pass
        raise NotFoundError(
            f"playlist {key}: Spotify has no such playlist, or hides it from apps, as it does with its own playlists"
        )

    def _pages(self, key: str, user: bool) -> list[dict[str, Any]]:
        """All pages of a playlist's items; empty if they are inconsistent."""
        pages: list[dict[str, Any]] = []
        offset, total = 0, 1
        while offset < total:
            page = self._call_playlist(key, _page("playlist_items", offset, playlist_id=key), user)
            _items(page)
            if pages and page["total"] != total:
                return []
            total = page["total"]
            pages.append(page)
            offset += PAGE_SIZE
        return pages if sum(len(_items(page)) for page in pages) == total else []

    def _call(self, endpoint: Callable[[Any], Any], user: bool) -> dict[str, Any]:
        for _ in range(len(self._apps) + WAITS):
            apps = self._open_apps(user)
            with suppress(PausedError, QuotaExhaustedError):  # try another app
                return self._in_turn(apps).call(endpoint, Terms(self._thread.stop, user, apps=apps))
        raise still_limited()

    def _open_apps(self, user: bool = False, kind: Kind | None = None) -> "list[App]":
        """Apps that are not blocked, that have a login if `user` is set, and that may read a kind if one is given."""
        if not self._apps:
            raise CredentialsError.none_set()
        apps = [app for app in self._apps if (not user or app.has_login()) and (kind is None or app.may_read(kind))]
        if not apps:
            raise LoginNeededError(f"this needs a user's login at Spotify: {LOGIN}")
        if found := [app for app in apps if not app.is_blocked]:
            return found
        raise QuotaExhaustedError(min(app.blocked_until for app in apps if app.blocked_until))

    def _in_turn(self, apps: "list[App]") -> "App":
        """The next app in turn, among those with the shortest wait."""
        with self._lock:
            self._turns += 1
            first = self._turns % len(apps)
        return min(apps[first:] + apps[:first], key=lambda app: app.pause_left)

    @contextmanager
    def _pool(self) -> Iterator[tuple[ThreadPoolExecutor, Event]]:
        """A thread pool, and the event that cancels its calls; leaving the context sets it."""
        stop = Event()

        def begin() -> None:
            self._thread.stop = stop

        pool = ThreadPoolExecutor(self._concurrency, "spotify", begin)
        try:
            yield pool, stop
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _page(endpoint: str, offset: int, **more: Any) -> Callable[[Any], Any]:
    """A call for a page of a list, by offset: the `next` links of Spotify's pages lead to removed endpoints."""
    return lambda spotify: getattr(spotify, endpoint)(limit=PAGE_SIZE, offset=offset, **more)


def _items(page: dict[str, Any]) -> list[Any]:
    """The items of a page.

    Raises:
        UnavailableError: The answer is not a page of a list.
    """
    items = page.get("items")
    if not isinstance(items, list) or not isinstance(page.get("total"), int):
        raise UnavailableError("Spotify answered with something else than a page of a list; try again later")
    return items
