"""How alike listeners are, by a few tracks, artists and albums of each."""

from math import sqrt

import pytest

from spotify_assets.model.people import FAVOURITES
from spotify_assets.transforms import people
from spotify_assets_tests.conftest import utc

MARCH, APRIL = utc("2024-03-01 12:00:00"), utc("2024-04-01 12:00:00")


def ranked(listener, times, firsts=()):
    """Rows of `track_metrics`: listening time by number of the recording, from rank 1 on."""
    firsts = dict(firsts)
    return [
        {
            "listener": listener,
            "recording_key": number,
            "artist_name": f"Band {number}",
            "track_name": "Song",
            "total_ms_played": ms,
            "rank": place,
            "first_played_at": firsts.get(number, MARCH),
        }
        for place, (number, ms) in enumerate(times.items(), 1)
    ]


@pytest.fixture
def pairs(computed, frame):
    def compute(*listeners, artists=(), albums=()):
        rows = computed(
            "listener_affinity",
            track_metrics=frame("track_metrics", [row for rows in listeners for row in rows]),
            artist_metrics=frame("artist_metrics", artists),
            album_metrics=frame("album_metrics", albums),
        ).collect()
        return {(row["listener_a"], row["listener_b"], row["entity_type"]): row for row in rows}

    return compute


def test_what_two_listeners_share(pairs):
    anna = ranked("anna", {1: 600, 2: 300, 3: 100})
    ben = ranked("ben", {2: 500, 1: 500}, {2: APRIL})
    [row] = pairs(ben, anna).values()
    assert (row["listener_a"], row["listener_b"], row["shared"]) == ("anna", "ben", 2)
    assert (row["entities_a"], row["entities_b"], row["ms_played_a"], row["ms_played_b"]) == (3, 2, 1000, 1000)
    norms = sqrt(600**2 + 300**2 + 100**2) * sqrt(500**2 + 500**2)
    assert row["cosine"] == round((600 * 500 + 300 * 500) / norms, 6)
    assert row["shared_minimum"] == 0.5 + 0.3
    # Both have rank 2 as the worse one; two equal rankings of two would have 1 + 1/2.
    assert row["rank_weighted"] == round((1 / 2 + 1 / 2) / (1 + 1 / 2), 6)
    assert (row["shared_favourites"], row["heard_first_by"]) == (["Band 1 - Song", "Band 2 - Song"], ["anna", "anna"])


def test_the_same_and_nothing_in_common(pairs):
    times = {1: 300, 2: 200, 3: 100}
    found = pairs(ranked("anna", times), ranked("ben", {key: 7 * ms for key, ms in times.items()}),
                  ranked("carl", {4: 500}))  # fmt: skip
    figures = ("shared", "cosine", "shared_minimum", "rank_weighted")
    assert [found["anna", "ben", "track"][name] for name in figures] == [3, 1, 1, 1]
    assert [found["anna", "carl", "track"][name] for name in figures] == [0, 0, 0, 0]
    assert found["ben", "carl", "track"]["shared_favourites"] == []
    assert found["ben", "carl", "track"]["heard_first_by"] == []
    assert len(found) == 3


def test_favourites_are_ten_and_ties_are_in_order_of_key(pairs):
    keys = [12, 3, 1, 2, *range(4, 12)]
    anna = ranked("anna", dict.fromkeys(keys, 100), {2: APRIL})
    found = pairs(anna, ranked("ben", dict.fromkeys(keys, 100) | {12: 101}))
    row = found["anna", "ben", "track"]
    # A twelfth each of anna's time; of ben's, 12 is a little more, and the others a little less.
    assert row["shared_favourites"] == [f"Band {key} - Song" for key in (12, *range(1, FAVOURITES))]
    assert row["heard_first_by"] == ["anna", "anna", "ben", *["anna"] * 7]


def test_artists_and_albums_have_rows_of_their_own(pairs):
    shared = {"total_ms_played": 100, "rank": 1, "first_played_at": MARCH}
    artists = [{"listener": name, "artist_key": 1, "artist_name": "Band"} | shared for name in ("anna", "ben")]
    albums = [
        {"listener": name, "album_key": key, "artist_name": "Band", "album_name": "First"} | shared
        for name, key in (("anna", 1), ("ben", 1))
    ]
    found = pairs(artists=artists, albums=albums)
    assert {key: row["shared_favourites"] for key, row in found.items()} == {
        ("anna", "ben", "artist"): ["Band"],
        ("anna", "ben", "album"): ["Band - First"],
    }


def test_one_listener_and_none_have_no_rows(pairs):
    assert pairs(ranked("anna", {1: 100})) == {}
    assert pairs() == {}


def test_plays_of_no_time_have_no_shares(pairs):
    [row] = pairs(ranked("anna", {1: 0}), ranked("ben", {1: 100})).values()
    assert (row["shared"], row["cosine"], row["shared_minimum"], row["rank_weighted"]) == (1, None, None, 1)
    assert row["shared_favourites"] == ["Band 1 - Song"]


def test_many_pairs_are_computed_in_groups(pairs, monkeypatch):
    heard = [
        ranked(name, {number: 100 * (number + place) for number in range(1, 5 + place)})
        for place, name in enumerate(("anna", "ben", "chloe", "dev"))
    ]
    together = pairs(*heard)
    asked = []
    monkeypatch.setattr(people, "ask_table", lambda rows, ask=people.ask_table: asked.append(rows) or ask(rows))
    monkeypatch.setattr(people, "MAX_PAIRED", 10)
    assert pairs(*heard) == together
    # Of anna with each of three others, of ben with two, and of chloe with one.
    assert len(asked) == 3
    assert len(together) == 6
