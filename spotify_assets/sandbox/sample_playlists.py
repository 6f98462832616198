"""The playlists of the stand-in's user, which change a little from day to day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np

from spotify_assets.sandbox.catalogue import EPISODES, id_of
from spotify_assets.sandbox.history import spotify_ids

USER, USER_NAME = "31standinlistener", "Sam Sample"
FRIEND, FRIEND_NAME = "31standinfriend", "Frida Friend"
ADDED_AT = datetime(2024, 5, 1, 12, tzinfo=UTC)

ENTER_A_DAY = 2
POOL = 200
LONG, MIXED, EMPTY, FOLLOWED = (
    id_of("playlist", name) for name in ("Evening Drive", "Odds & Ends", "To Be Sorted", "Frida's Finds")
)


@dataclass(frozen=True)
class Item:
    """One place in a playlist; make it with `track`, `local`, `episode` or `removed`.

    Attributes:
        added_at: UTC; None for what was added before Spotify kept the time.
        added_by: A person's id, or None. It is served so that tests can see that nobody stores it.
    """

    kind: Literal["track", "local", "episode", "removed"]
    id: str | None = None
    name: str = ""
    artist: str = ""
    album: str = ""
    added_at: datetime | None = ADDED_AT
    added_by: str | None = "someone-else-0"

    @classmethod
    def track(
        cls, track_id: str, added_at: datetime | None = ADDED_AT, added_by: str | None = "someone-else-1"
    ) -> "Item":
        return cls("track", track_id, added_at=added_at, added_by=added_by)

    @classmethod
    def local(
        cls,
        name: str,
        artist: str,
        album: str,
        added_at: datetime | None = ADDED_AT,
        added_by: str | None = "someone-else-2",
    ) -> "Item":
        """A file of the user's own: it has names, but no id."""
        return cls("local", None, name, artist, album, added_at, added_by)

    @classmethod
    def episode(
        cls, episode_id: str, added_at: datetime | None = ADDED_AT, added_by: str | None = "someone-else-3"
    ) -> "Item":
        return cls("episode", episode_id, added_at=added_at, added_by=added_by)

    @classmethod
    def removed(cls, added_at: datetime | None = ADDED_AT, added_by: str | None = "someone-else-4") -> "Item":
        """What Spotify took out of its catalogue: the place stays, the item is null."""
        return cls("removed", added_at=added_at, added_by=added_by)


@dataclass
class Playlist:
    """A playlist as the stand-in keeps it; change it as you like.

    Attributes:
        collaborative: Others than the owner may change it, and read its items in development mode.
        followed: It is listed among the user's playlists.
    """

    id: str
    name: str
    description: str | None = ""
    public: bool | None = True
    collaborative: bool = False
    owner_id: str = USER
    owner_name: str = USER_NAME
    items: list[Item] = field(default_factory=list)
    image_url: str | None = None
    followed: bool = True


def sample_playlists(day: date, tracks: Sequence[str] | None = None) -> dict[str, Playlist]:
    """Three playlists of the user's own, and a friend's that the user follows, as they are on a day.

    Every day two tracks enter the long one (120 tracks) at the top, two leave it at the end, and one moves. The
    mixed one holds tracks, one of them twice, a local file, an episode and a removed item.

    Args:
        day: UTC.
        tracks: Ids to choose from; the sample histories' most played, where there are none.

    Returns:
        Playlists by id.
    """
    pool = (spotify_ids(POOL, 11).tolist() if tracks is None else list(tracks))[:POOL]
    pool = [pool[number] for number in np.random.default_rng(23).permutation(len(pool))]
    episode = spotify_ids(EPISODES, 13).tolist()[3]
    return {
        playlist.id: playlist
        for playlist in (
            Playlist(
                LONG,
                "Evening Drive",
                f"What I play in week {day.isocalendar().week}",
                items=_with_a_move(_latest(pool, day, 120), day),
                image_url="https://i.scdn.co/image/ab67706c0000da84" + "5a" * 12,
            ),
            Playlist(
                MIXED,
                "Odds & Ends",
                "Tracks, a talk & a tape",
                public=False,
                items=[
                    Item.track(pool[0], added_at=None, added_by=None),
                    *(Item.track(track) for track in pool[1:6]),
                    Item.local("Demo Tape", "The Neighbours", "Kitchen Sessions"),
                    Item.episode(episode),
                    Item.removed(),
                    Item.track(pool[2], added_at=ADDED_AT + timedelta(days=30)),
                ],
            ),
            Playlist(EMPTY, "To Be Sorted", "", public=False),
            Playlist(
                FOLLOWED,
                "Frida's Finds",
                "New every day",
                owner_id=FRIEND,
                owner_name=FRIEND_NAME,
                items=_latest(pool, day - timedelta(days=70), 60),
                image_url="https://i.scdn.co/image/ab67706c0000da84" + "f1" * 12,
            ),
        )
    }


def sample_recent(day: date, tracks: Sequence[str] | None = None) -> list[tuple[datetime, str]]:
    """Sixty plays in the hours before a day begins (UTC), latest first: when each was played, and the track."""
    pool = spotify_ids(POOL, 11).tolist() if tracks is None else list(tracks)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    picked = np.random.default_rng(day.toordinal()).integers(0, min(len(pool), POOL), 60)
    return [
        (midnight - timedelta(minutes=4 * (place + 1), milliseconds=137 * place), pool[number])
        for place, number in enumerate(picked)
    ]


def _latest(pool: list[str], day: date, length: int) -> list[Item]:
    """The tracks that entered last, latest first, if so many enter every day."""
    last = day.toordinal() * ENTER_A_DAY + ENTER_A_DAY - 1
    return [
        Item.track(
            pool[turn % len(pool)],
            added_at=datetime.fromordinal(turn // ENTER_A_DAY).replace(hour=7, minute=turn % ENTER_A_DAY, tzinfo=UTC),
            added_by=f"someone-else-{turn % 3}",
        )
        for turn in range(last, last - length, -1)
    ]


def _with_a_move(items: list[Item], day: date) -> list[Item]:
    moved = items.pop(10 + day.toordinal() * 7 % 100)
    items.insert(10 + day.toordinal() * 13 % 100, moved)
    return items
