"""Reads of many ids: in batches by apps that may do so, one by one by the others."""

import re
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from spotify_assets.spotify.budget import BudgetSpentError, Terms
from spotify_assets.spotify.errors import NotFoundError, QuotaExhaustedError, RefusedError, UnavailableError
from spotify_assets.spotify.failures import PausedError

if TYPE_CHECKING:
    from spotify_assets.spotify.app import App

Kind = Literal["tracks", "albums", "artists"]
BATCH_SIZES: dict[Kind, int] = {"tracks": 50, "albums": 20, "artists": 50}


@dataclass(frozen=True)
class Answer:
    """What Spotify says of one id: its object with status 200, or 404 and nothing."""

    kind: Kind
    id: str
    status: int
    body: dict[str, Any] | None


class Reads:
    """Ids of one kind that are still to be asked for. For one thread: the one that hands them out.

    Attributes:
        malformed: Answers for those that are no ids.
    """

    def __init__(self, kind: Kind, ids: Iterable[str]) -> None:
        distinct = dict.fromkeys(ids)
        self._kind = kind
        self._ids = deque(key for key in distinct if is_id(key))
        self._batches: deque[list[str]] = deque()
        self.malformed = [Answer(kind, key, 404, None) for key in distinct if not is_id(key)]
        self._probing: set[App] = set()  # of which it is being found out whether they may read in batches

    def __bool__(self) -> bool:
        return bool(self._ids or self._batches)

    def may_ask(self, apps: "list[App]") -> "list[App]":
        """Those of the apps that may be given something now; none where it is better to wait for a probe."""
        soonest = min(app.pause_left for app in apps)
        return [app for app in apps if app not in self._probing and app.pause_left <= soonest]

    def next(self, app: "App") -> list[str]:
        """What the app is to ask for in its next call."""
        singly = app.reads_singly(self._kind)
        if self._batches and singly is False:
            return self._batches.popleft()
        if not self._ids:
            self._ids.extend(self._batches.popleft())
        if singly is None and len(self._ids) > 1:
            self._probing.add(app)
            singly = False
        size = BATCH_SIZES[self._kind] if singly is False else 1
        return [self._ids.popleft() for _ in range(min(size, len(self._ids)))]

    def answered(self, app: "App", batch: list[str], future: "Future[list[Answer]]") -> list[Answer]:
        """The answers of a call that has ended; what it left unanswered is to be asked for again."""
        self._probing.discard(app)
        try:
            answers = future.result()
        except (BudgetSpentError, PausedError, QuotaExhaustedError):
            self._ids.extendleft(reversed(batch))
            return []
        except RefusedError:
            if len(batch) == 1:
                raise
            app.learn(self._kind, reads_singly=True)
            self._ids.extendleft(reversed(batch))
            return []
        except NotFoundError:
            # One malformed id has the whole batch refused: it is in one of the halves.
            self._batches += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            return []
        if len(batch) > 1:
            app.learn(self._kind, reads_singly=False)
        return answers


def read(app: "App", kind: Kind, batch: list[str], terms: Terms) -> list[Answer]:
    """Ask for ids in one call.

    Raises:
        SpotifyError: in all its kinds, but no NotFoundError for a single id.
    """
    if len(batch) == 1:
        answer = _read_one(app, kind, batch[0], terms)
        app.remember_single_reads(kind)
        return [answer]
    body = app.call(lambda spotify: getattr(spotify, kind)(batch), terms)
    objects = body.get(kind)
    if not isinstance(objects, list) or len(objects) != len(batch):
        raise UnavailableError(f"Spotify answered for other {kind} than {len(batch)} that were asked for")
    return [Answer(kind, key, 200 if found else 404, found) for key, found in zip(batch, objects, strict=True)]


def is_id(text: str) -> bool:
    """Whether Spotify may have given it out; anything else would be refused, or be another path."""
    return bool(re.fullmatch("[0-9A-Za-z]{1,64}", text))


def _read_one(app: "App", kind: Kind, key: str, terms: Terms) -> Answer:
    try:
        body = app.call(lambda spotify: getattr(spotify, kind.removesuffix("s"))(key), terms)
    except NotFoundError:
        return Answer(kind, key, 404, None)
    return Answer(kind, key, 200, body)
