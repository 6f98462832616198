"""Reads many objects by id: in batches with apps that may do so, one by one with others."""

import re
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from spotify_assets.spotify.budget import BudgetSpentError, Terms
from spotify_assets.spotify.errors import (
    MalformedIdError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    UnavailableError,
)
from spotify_assets.spotify.failures import PausedError

if TYPE_CHECKING:
    from spotify_assets.spotify.app import App

Kind = Literal["tracks", "albums", "artists", "audio_features"]
BATCH_SIZES: dict[Kind, int] = {"tracks": 50, "albums": 20, "artists": 50, "audio_features": 100}
# Kinds that Spotify serves to some apps only, and to these in batches.
RESTRICTED: frozenset[Kind] = frozenset({"audio_features"})


@dataclass(frozen=True)
class Answer:
    """Spotify's answer for one id: status 200 and the object, or 404 and None."""

    kind: Kind
    id: str
    status: int
    body: dict[str, Any] | None


class Reads:
    """Queue of the ids of one kind that are still to be read. Not thread-safe: used by the scheduling thread only.

    Attributes:
        malformed: Answers for malformed ids.
    """

    def __init__(self, kind: Kind, ids: Iterable[str]) -> None:
        distinct = dict.fromkeys(ids)
        self._kind = kind
        self._ids = deque(key for key in distinct if is_id(key))
        self._batches: deque[list[str]] = deque()
        self.malformed = [Answer(kind, key, 404, None) for key in distinct if not is_id(key)]
        self._probing: set[App] = set()  # apps with a first batch in flight, which shows whether batches are allowed

    def __bool__(self) -> bool:
        return bool(self._ids or self._batches)

    def may_ask(self, apps: "list[App]") -> "list[App]":
        """Apps that may get the next call; none if it is better to wait for a probe's result."""
        soonest = min(app.pause_left for app in apps)
        return [app for app in apps if app not in self._probing and app.pause_left <= soonest]

    def next(self, app: "App") -> list[str]:
        """Take the ids of an app's next call from the queue."""
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
        """The answers of a finished call. Ids without an answer go back to the queue.

        Raises:
            SpotifyError: The call failed for another reason than budget, pause, quota or a refused batch.
        """
        self._probing.discard(app)
        try:
            answers = future.result()
        except (BudgetSpentError, PausedError, QuotaExhaustedError):
            self._ids.extendleft(reversed(batch))
            return []
        except MalformedIdError:
            self._bisect(batch)
            return []
        except (RefusedError, NotFoundError) as error:
            if self._kind in RESTRICTED:
                if not error.concerns_endpoint:
                    raise
                app.refuse(self._kind)
                self._ids.extendleft(reversed(batch))
                return []
            if isinstance(error, NotFoundError):
                self._bisect(batch)
                return []
            if len(batch) == 1:
                raise
            app.learn(self._kind, reads_singly=True)
            self._ids.extendleft(reversed(batch))
            return []
        if len(batch) > 1:
            app.learn(self._kind, reads_singly=False)
        return answers

    def _bisect(self, batch: list[str]) -> None:
        """Put a batch back in halves: Spotify refuses a whole one for one malformed id."""
        self._batches += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]


def read_batch(app: "App", kind: Kind, batch: list[str], terms: Terms) -> list[Answer]:
    """Read the objects of a batch of ids in one call. A single id that isn't found is answered with 404.

    Raises:
        SpotifyError: The call failed.
    """
    if len(batch) == 1 and kind not in RESTRICTED:
        answer = _read_one(app, kind, batch[0], terms)
        app.remember_single_reads(kind)
        return [answer]
    try:
        body = app.call(_batch_endpoint(kind, batch), terms)
    except MalformedIdError:
        if len(batch) > 1:
            raise
        return [Answer(kind, batch[0], 404, None)]
    objects = body.get(kind)
    if not isinstance(objects, list) or len(objects) != len(batch):
        raise UnavailableError(f"Spotify did not answer with the {len(batch)} {kind} of the request; try again later")
    return [Answer(kind, key, 200 if found else 404, found) for key, found in zip(batch, objects, strict=True)]


def _batch_endpoint(kind: Kind, batch: list[str]) -> Callable[[Any], Any]:
    if kind == "audio_features":
        # Not spotipy's `audio_features`: it fails with a TypeError where an answer is no JSON.
        return lambda spotify: spotify._get("audio-features", ids=",".join(batch))
    return lambda spotify: getattr(spotify, kind)(batch)


def is_id(text: str) -> bool:
    """Whether a text may be an id of Spotify's; anything else would be refused, or change the URL's path."""
    return bool(re.fullmatch("[0-9A-Za-z]{1,64}", text))


def _read_one(app: "App", kind: Kind, key: str, terms: Terms) -> Answer:
    try:
        body = app.call(lambda spotify: getattr(spotify, kind.removesuffix("s"))(key), terms)
    except NotFoundError:
        return Answer(kind, key, 404, None)
    return Answer(kind, key, 200, body)
