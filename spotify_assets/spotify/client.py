"""Spotify's Web API: what the project reads of it, by one or several apps, within their quotas."""

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
from spotify_assets.spotify.reads import Answer, Kind, Reads, is_id, read
from spotify_assets.spotify.state import SpotifyState

if TYPE_CHECKING:
    from spotify_assets.spotify.app import App

PAGE_SIZE = 50
PLAYLIST_RESTARTS = 3
EPISODES_TOO = ("track", "episode")

Item = TypeVar("Item")
Result = TypeVar("Result")

_making = Lock()


class _Thread(local):
    """What is set to end the calls of this thread; nothing ends those of a thread that isn't ours."""

    stop = Event()


class SpotifyClient:
    """Reads of the Web API; threads may share it. Nothing connects before the first.

    Every method that reads raises the kind of `SpotifyError` that fits, after it has tried what could help.

    Attributes:
        state: What is known of logins and quotas, in the file that the settings name.
    """

    def __init__(self, settings: Settings) -> None:
        # Here, as they import spotipy, and that takes a third of a second.
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
        """Calls of the Web API made so far, those made again included."""
        return self._transport.calls

    def has_login(self) -> bool:
        """Whether a user has logged in to any of the apps."""
        return any(app.has_login() for app in self._apps)

    def me(self) -> dict[str, Any]:
        """The user who has logged in."""
        return self._call(lambda spotify: spotify.me(), user=True)

    def my_playlists(self) -> list[dict[str, Any]]:
        """All playlists that the user owns or follows."""
        playlists: dict[str, dict[str, Any]] = {}
        offset, total = 0, 1
        while offset < total:
            page = self._call(_page("current_user_playlists", offset), user=True)
            items, total = _items(page), page["total"]
            playlists |= {item["id"]: item for item in items if item}
            offset += PAGE_SIZE
        return list(playlists.values())

    def playlist(self, id: str) -> dict[str, Any]:  # noqa: A002  # it is Spotify's word
        """A playlist's own record, with the first of its items where Spotify shows them."""
        return self._of_playlist(
            id, lambda spotify: spotify.playlist(id, additional_types=EPISODES_TOO), self.has_login()
        )

    def playlist_pages(self, id: str) -> list[dict[str, Any]]:  # noqa: A002
        """All pages of a playlist's items, as answered; they fit together.

        Raises:
            LoginNeededError: where only a user may read them.
            RefusedError: where this user may not.
            UnavailableError: where the playlist changes each time while it is read.
        """
        user = self.has_login()
        try:
            for _ in range(1 + PLAYLIST_RESTARTS):
                if pages := self._pages(id, user):
                    return pages
        except RefusedError as refused:
            said = str(refused)
        else:
            raise UnavailableError(f"playlist {id} changed each time while it was read; try again later")
        if user:
            raise RefusedError(
                f"playlist {id}: in development mode only playlists that one owns or collaborates on can be read. "
                f"{said}"
            )
        raise LoginNeededError(f"playlist {id}: Spotify shows its items only to a user who has logged in: {LOGIN}")

    def recently_played(self, after_ms: int | None) -> dict[str, Any]:
        """The user's last plays, 50 at most, the latest first; no podcasts.

        Args:
            after_ms: Only later ones (ms since 1970, UTC).
        """
        return self._call(lambda spotify: spotify.current_user_recently_played(PAGE_SIZE, after=after_ms), user=True)

    def metadata(self, kind: Kind, ids: Iterable[str], budget: Budget) -> Iterator[Answer]:
        """What Spotify knows of each id, in the order that answers come in; each id is asked for once.

        Apps that may do so read in batches. It ends early, without an error, when the budget is used up.

        Args:
            kind: `tracks`, `albums` or `artists`.
            ids: Bare ids; what can't be one has the answer 404, without a call.
            budget: Pays for each call, batches and those made again included.

        Raises:
            QuotaExhaustedError: when every app's quota is used up, after calls in flight have ended.
            SpotifyError: likewise, for whatever else can't be read.
        """
        reads = Reads(kind, ids)
        running: dict[Future[list[Answer]], tuple[App, list[str]]] = {}
        error: SpotifyError | None = None
        answers = reads.malformed
        with self._pool() as (pool, stop):
            terms = Terms(stop, budget=budget, apps=self._apps)
            while True:
                try:
                    while not error and reads and budget.left > 0 and len(running) < self._concurrency:
                        apps = reads.may_ask(self._open_apps())
                        if not apps:
                            break
                        app = self._in_turn(apps)
                        batch = reads.next(app)
                        running[pool.submit(read, app, kind, batch, terms)] = app, batch
                except SpotifyError as none_open:
                    error = none_open
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
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | SpotifyError]]:
        """What a function gives for each item, several at a time, in the order that they end.

        A SpotifyError is given in place of the result. Once the quota is used up nothing more is begun, and all
        items that are left have that error.
        """
        waiting = iter(items)
        running: dict[Future[Result], Item] = {}
        ended: list[tuple[Item, Result | SpotifyError]] = []
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

    def _of_playlist(self, key: str, endpoint: Callable[[Any], Any], user: bool) -> dict[str, Any]:
        try:
            if is_id(key):
                return self._call(endpoint, user)
        except NotFoundError:
            pass
        raise NotFoundError(
            f"playlist {key}: Spotify knows none such, or does not show it to apps, as those it makes itself"
        )

    def _pages(self, key: str, user: bool) -> list[dict[str, Any]]:
        """All pages, or none where they don't fit together."""
        pages: list[dict[str, Any]] = []
        offset, total = 0, 1
        while offset < total:
            page = self._of_playlist(key, _page("playlist_items", offset, playlist_id=key), user)
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
            with suppress(PausedError, QuotaExhaustedError):  # another app may be asked
                return self._in_turn(apps).call(endpoint, Terms(self._thread.stop, user, apps=apps))
        raise still_limited()

    def _open_apps(self, user: bool = False) -> "list[App]":
        """Apps that may be asked now."""
        if not self._apps:
            raise CredentialsError.none_set()
        apps = [app for app in self._apps if not user or app.has_login()]
        if not apps:
            raise LoginNeededError(f"this needs a user's login at Spotify: {LOGIN}")
        if found := [app for app in apps if not app.is_blocked]:
            return found
        raise QuotaExhaustedError(min(app.blocked_until for app in apps if app.blocked_until))

    def _in_turn(self, apps: "list[App]") -> "App":
        """The next of them, rather one that has not been told to wait a little."""
        with self._lock:
            self._turns += 1
            first = self._turns % len(apps)
        return min(apps[first:] + apps[:first], key=lambda app: app.pause_left)

    @contextmanager
    def _pool(self) -> Iterator[tuple[ThreadPoolExecutor, Event]]:
        """Threads that make no further call once it is left, for whatever reason."""
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
    """A page of a list. Never the `next` of the one before: that leads to addresses that are gone."""
    return lambda spotify: getattr(spotify, endpoint)(limit=PAGE_SIZE, offset=offset, **more)


def _items(page: dict[str, Any]) -> list[Any]:
    """The items of a page.

    Raises:
        UnavailableError: where it is no page.
    """
    items = page.get("items")
    if not isinstance(items, list) or not isinstance(page.get("total"), int):
        raise UnavailableError("Spotify answered with something that is no page of a list; try again later")
    return items
