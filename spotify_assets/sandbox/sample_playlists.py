"""Sample playlists of the stand-in's user, which change a little every day."""

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
    """A playlist item; create it with `track`, `local`, `episode` or `removed`.

    Attributes:
        added_at: Time (UTC); None for items that were added before Spotify recorded it.
        added_by: A user's id, or None. Tests check that it is never stored.
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
        """A local file of the user, with names but without an id."""
        return cls("local", None, name, artist, album, added_at, added_by)

    @classmethod
    def episode(
        cls, episode_id: str, added_at: datetime | None = ADDED_AT, added_by: str | None = "someone-else-3"
    ) -> "Item":
        return cls("episode", episode_id, added_at=added_at, added_by=added_by)

    @classmethod
    def removed(cls, added_at: datetime | None = ADDED_AT, added_by: str | None = "someone-else-4") -> "Item":
        """An item that Spotify removed from its catalogue: its track is null."""
        return cls("removed", added_at=added_at, added_by=added_by)


@dataclass
class Playlist:
    """A playlist of the stand-in; tests may change it.

    Attributes:
        collaborative: Whether users other than the owner may change it, and read its items in development mode.
        followed: Whether it is listed among the user's playlists.
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
    """Playlists as of a day: three of the user, and one of a friend that the user follows.

    In the long one (120 tracks), every day two tracks enter at the top, two leave at the end, and one moves. The
    mixed one holds tracks, one of them twice, a local file, an episode and a removed item. One is empty.

    Args:
        day: The day (UTC).
        tracks: Track ids to choose from; by default the most played ones of the sample histories.

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
                items=_move_one(_latest_entries(pool, day, 120), day),
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
                items=_latest_entries(pool, day - timedelta(days=70), 60),
                image_url="https://i.scdn.co/image/ab67706c0000da84" + "f1" * 12,
            ),
        )
    }


def sample_recent(day: date, tracks: Sequence[str] | None = None) -> list[tuple[datetime, str]]:
    """Sixty plays in the four hours before a day (UTC), latest first: time of the play, and track id."""
    pool = spotify_ids(POOL, 11).tolist() if tracks is None else list(tracks)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    picked = np.random.default_rng(day.toordinal()).integers(0, min(len(pool), POOL), 60)
    return [
        (midnight - timedelta(minutes=4 * (place + 1), milliseconds=137 * place), pool[number])
        for place, number in enumerate(picked)
    ]


def _latest_entries(pool: list[str], day: date, length: int) -> list[Item]:
    """The latest tracks to enter a playlist that gains `ENTER_A_DAY` tracks a day, latest first."""
    last = day.toordinal() * ENTER_A_DAY + ENTER_A_DAY - 1
    return [
        Item.track(
            pool[turn % len(pool)],
            added_at=datetime.fromordinal(turn // ENTER_A_DAY).replace(hour=7, minute=turn % ENTER_A_DAY, tzinfo=UTC),
            added_by=f"someone-else-{turn % 3}",
        )
        for turn in range(last, last - length, -1)
    ]


def _move_one(items: list[Item], day: date) -> list[Item]:
    moved = items.pop(10 + day.toordinal() * 7 % 100)
    items.insert(10 + day.toordinal() * 13 % 100, moved)
    return items
