"""Rows of `popularity_tracks` whose popularity follows a known function, for tests of the model."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from spotify_assets.transforms import popularity_fit

ARTISTS, TRACKS_EACH = 60, 15
# Nobody likes the middle of this: a line doesn't find it.
LOVED = "danceability"
HOSTILE = "<script>alert(1)</script> | `x` \u202e"

Popularity = Callable[[float, float, random.Random], float]


@contextmanager
def quick_fits() -> Iterator[None]:
    """Fit a fifth of the trees, with larger steps: for 900 tracks that is enough, and takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(popularity_fit.PARAMETERS, "max_iter", 80)
        patch.setitem(popularity_fit.PARAMETERS, "learning_rate", 0.15)
        patch.setattr(popularity_fit, "_last", {})
        yield


def by_sound(artist: float, loved: float, chance: random.Random) -> float:
    """From 20 in the middle of `LOVED` to 70 at both ends, and up to 10 points by the artist."""
    return 20 + 100 * abs(loved - 0.5) + 10 * artist + chance.uniform(-2, 2)


def noise(artist: float, loved: float, chance: random.Random) -> float:
    """Nothing is to be found."""
    return chance.uniform(5, 100)


def popularity_rows(popularity: Popularity = by_sound, artists: int = ARTISTS, each: int = TRACKS_EACH) -> list[dict]:
    """Rows of `popularity_tracks`, in no order."""
    chance = random.Random(7)
    rows = []
    for artist in range(artists):
        level = chance.random()
        sounds = [chance.random() for _ in range(each)]
        found = [round(popularity(level, loved, chance)) for loved in sounds]
        for number, (loved, own) in enumerate(zip(sounds, found, strict=True)):
            rows.append(
                {
                    "recording_key": chance.getrandbits(62),
                    "track_key": f"name:{artist}:{number}",
                    "track_name": HOSTILE,
                    "artist_key": artist * 1_000_003,
                    "artist_name": f"{HOSTILE}{artist}",
                    "popularity": own,
                    "popularity_source": "catalog/a.csv",
                    "duration_ms": chance.randrange(120_000, 300_000),
                    "explicit": chance.random() < 0.3,
                    "years_since_release": round(chance.uniform(0, 40), 3),
                    "genre_family": chance.choice(["rock", "pop", "jazz"]),
                    "artist_popularity": round((sum(found) - own) / (each - 1), 3) if each > 1 else None,
                    LOVED: loved,
                    "energy": chance.random(),
                    "tempo": chance.uniform(60, 180),
                    "key": chance.randrange(12),
                }
            )
    chance.shuffle(rows)
    return rows


def popularity_csv(artists: int = ARTISTS) -> bytes:
    """A catalogue file of such tracks."""
    columns = ["track_name", "artist_name", "popularity", "duration_ms", LOVED, "energy", "tempo", "key"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(
        row | {"track_name": row["track_key"], "artist_name": f"Artist {row['artist_key']}"}
        for row in popularity_rows(artists=artists)
    )
    return text.getvalue().encode()
