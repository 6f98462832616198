"""Playlists of a few tracks, by rows of `playlist_track_tenure`: overlap, figures, plays of the listener."""

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest

from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc

LISTENER = "anna"
# Tracks by letter; "A" is another id of a.
RECORDINGS = {"a": 1, "b": 2, "c": 3, "d": 4, "A": 1}
DAY = date(2024, 3, 1)


def after(days):
    return DAY + timedelta(days)


def on_list(track="a", playlist=1, first=0, last=60, position=0, entries=1, **more):
    """A row of `playlist_track_tenure`: days from `DAY`; without a position it has left."""
    return {
        "playlist_key": playlist,
        "content_key": track,
        "content_type": "track",
        "track_key": track,
        "first_seen_on": after(first),
        "last_seen_on": after(last),
        "entries": entries,
        "current_position": position,
        "is_current": position is not None,
    } | more


def episode_on_list(**more):
    return on_list("e", content_type="episode", track_key=None, **more)


def played(days, track="a", plays=1, listener=LISTENER, **more):
    """A row of `daily_track_plays`."""
    figures = {"plays": plays, "skips": 0, "skips_known": plays}
    return {"listener": listener, "date": after(days), "recording_key": RECORDINGS[track]} | figures | more


@pytest.fixture
def rows_of(computed, frame):
    """Rows of one of the tables by its keys."""

    def compute(table, tenure, days=(), first=-100, last=200, **inputs):
        tracks = [
            {
                "track_key": track,
                "recording_key": number,
                "canonical_track_key": track.lower(),
                "artist_key": 10 + number % 2,
                "duration_ms": 1_800_000,
            }
            for track, number in RECORDINGS.items()
        ]
        names = {"track_name": "Song", "artist_name": "Band"}
        rows = {
            "playlist_track_tenure": tenure,
            "daily_track_plays": days,
            "dim_listener": [{"listener": LISTENER, "first_date": after(first), "last_date": after(last)}],
            "dim_playlist": [
                {"playlist_key": number, "playlist_name": f"List {number}", "is_current": True} for number in range(4)
            ],
            "dim_track": tracks,
            "dim_artist": [{"artist_key": key, "canonical_artist_key": key} for key in (10, 11)],
            "dim_episode": [{"episode_key": "e", "duration_ms": 3_600_000}],
            "dim_recording": [
                {"recording_key": number, "canonical_recording_key": number, "canonical_track_key": track} | names
                for track, number in RECORDINGS.items()
                if track != "A"
            ],
        } | inputs
        given = {name: frame(name, values) for name, values in rows.items()}
        if table == "playlist_metrics":
            given.pop("daily_track_plays")
        settings = {} if table == "playlist_overlap" else {"settings": load_settings(listener=LISTENER)}
        return [row.asDict() for row in computed(table, **given, **settings).collect()]

    return compute


def only(rows, *columns):
    return sorted(tuple(row[name] for name in columns) for row in rows)


def test_playlists_overlap_by_recording_in_their_latest_snapshots(rows_of):
    tenure = [
        *[on_list(track, playlist=1) for track in "abc"],
        # The same recording under another id, and twice.
        *[on_list(track, playlist=2) for track in "Aab"],
        on_list("c", playlist=2, position=None),
        on_list("c", playlist=3),
        episode_on_list(playlist=2),
        episode_on_list(playlist=3),
    ]
    found = rows_of("playlist_overlap", tenure)
    columns = ("playlist_a", "playlist_b", "shared", "contents_a", "contents_b", "contents_either", "jaccard")
    assert only(found, *columns, "name_a", "name_b") == [
        (1, 2, 2, 3, 3, 4, 0.5, "List 1", "List 2"),
        (1, 3, 1, 3, 2, 4, 0.25, "List 1", "List 3"),
        (2, 3, 1, 3, 2, 4, 0.25, "List 2", "List 3"),
    ]


@pytest.mark.parametrize("table", ["playlist_overlap", "playlist_metrics", "playlist_impact"])
def test_without_playlists_there_are_no_rows(rows_of, table):
    assert rows_of(table, [], [played(0)]) == []


def test_playlists_that_share_nothing_have_no_row(rows_of):
    assert rows_of("playlist_overlap", [on_list("a", playlist=1), on_list("b", playlist=2)]) == []


@pytest.fixture
def figures(rows_of, spark):
    """Rows of `playlist_metrics` by the first snapshot, of playlists by name with their snapshots by day: items."""

    def compute(playlists, tenure, favourites=(), of_others=(), **inputs):
        files = [
            {"playlist_id": name, "snapshot_date": after(day), "status": status, "items": items}
            for name, snapshots in playlists.items()
            for day, items, *rest in snapshots
            for status in rest or ["read"]
        ]
        keys = {name: spark.sql(f"SELECT xxhash64('{name}')").collect()[0][0] for name in playlists}
        ranked = [
            {"listener": listener, "track_key": track, "rank": place, "total_ms_played": 10 - place}
            for listener, tracks in ((LISTENER, favourites), *of_others)
            for place, track in enumerate(tracks, 1)
        ]
        found = rows_of(
            "playlist_metrics",
            [row | {"playlist_key": keys[row["playlist_key"]]} for row in tenure],
            raw_playlist_files=files,
            track_metrics=ranked,
            dim_playlist=[
                {"playlist_key": key, "playlist_name": name, "is_current": True} for name, key in keys.items()
            ],
            **inputs,
        )
        return {row["playlist_name"]: row for row in found}

    return compute


def test_figures_of_a_playlist(figures):
    tenure = [
        on_list("a", playlist="p", first=0, last=60),
        on_list("A", playlist="p", first=30, last=60),  # the same recording
        on_list("b", playlist="p", first=30, last=60, entries=2),
        on_list("c", playlist="p", first=0, last=0, position=None),
        on_list("d", playlist="p", first=0, last=29, position=None),
        episode_on_list(playlist="p", first=0, last=60),
    ]
    row = figures({"p": [(60, 5), (0, 5), (30, 9), (61, 99, "replaced")]}, tenure, "bda", {"ben": "abc"}.items())["p"]
    assert (row["first_snapshot_on"], row["last_snapshot_on"]) == (DAY, after(60))
    assert [row[name] for name in ("snapshots", "observed_days", "items")] == [3, 60, 5]
    counts = ("tracks", "episodes", "artists", "length_known", "hours", "contents_ever")
    assert [row[name] for name in counts] == [2, 1, 2, 4, 2.5, 6]
    # A entered once, b twice; c and d left, and b between its entries.
    churn = ("entries", "exits", "entries_per_30_days", "exits_per_30_days")
    assert [row[name] for name in churn] == [3, 3, 1.5, 1.5]
    # Days on it: 1 and 30 of those that left, 31, 31, 61, 61 of those that are there.
    assert row["median_tenure_days"] == 31
    assert row["half_life_days"] is None
    assert [row[name] for name in ("favourites_on_it", "favourites", "favourites_share")] == [2, 3, 0.666667]


@pytest.mark.parametrize(
    ("gone", "there", "half_life"),
    [
        ([1, 2], [3, 3], 2),  # half of four
        ([1, 2], [3, 3, 3], None),
        # Who is there for 2 days says nothing of what happens later: of the 3 that are left by then, 2 leave by day 5.
        ([1, 4, 5], [2, 2, 9], 5),
        ([2, 2, 2], [2, 2], 2),
        # Who left and who is there after the same time: two were there when one of three left.
        ([2], [2, 2], None),
        ([3], [], 3),
        ([], [3], None),
    ],
)
def test_half_life_counts_those_that_are_there_for_as_long_as_they_have_been(figures, gone, there, half_life):
    tenure = [
        on_list("abcd"[place % 4], playlist="p", last=days - 1, position=place if place >= len(gone) else None,
                content_key=str(place))
        for place, days in enumerate(gone + there)
    ]  # fmt: skip
    assert figures({"p": [(0, 9), (20, 9)]}, tenure)["p"]["half_life_days"] == half_life


def test_artists_who_share_a_recording_are_two(figures):
    shared = [
        {"track_key": track, "recording_key": 1, "canonical_track_key": "a", "artist_key": artist}
        for track, artist in (("a", 10), ("A", 11))
    ]
    tenure = [on_list("a", playlist="p"), on_list("A", playlist="p", position=1)]
    row = figures({"p": [(0, 2)]}, tenure, dim_track=shared)["p"]
    assert [row[name] for name in ("items", "tracks", "artists")] == [2, 1, 2]
    rows = duckdb.from_arrow(pa.Table.from_pylist([row]))
    for condition in TABLES["playlist_metrics"].check_constraints.values():
        assert rows.filter(f"NOT ({condition})").fetchall() == [], condition


def test_an_empty_playlist_and_one_of_a_single_snapshot_have_figures(figures):
    found = figures({"p": [(0, 0)], "q": [(0, 1)], "r": [(0, 0), (5, 1)]},
                    [on_list("a", playlist="q", last=0), on_list("a", playlist="r", first=5, last=5)])  # fmt: skip
    empty = found["p"]
    assert [empty[name] for name in ("items", "tracks", "artists", "hours", "contents_ever", "entries", "exits")] == [
        0, 0, 0, 0, 0, 0, 0,
    ]  # fmt: skip
    unknown = ("median_tenure_days", "half_life_days", "entries_per_30_days", "favourites_share")
    assert [empty[name] for name in unknown] == [None] * 4
    assert [found["q"][name] for name in ("tracks", "entries", "exits_per_30_days")] == [1, 0, None]
    assert [found["r"][name] for name in ("entries", "exits", "entries_per_30_days")] == [1, 0, 6]


def test_plays_before_and_after_a_track_was_added(rows_of):
    days = [
        played(-29, plays=100),
        played(-28, plays=1),
        played(-1, plays=2),
        played(0, plays=1000),  # nobody knows whether before or after
        played(1, plays=4, skips=1, skips_known=2),
        played(28, plays=8, skips=1),
        played(29, plays=16),
        played(1, "b"),
        played(1, plays=500, listener="ben"),
    ]
    [row] = rows_of("playlist_impact", [on_list(added_at=utc("2024-03-01 12:00:00"), first=7)], days)
    assert row["added_on"] == row["listed_since"] == DAY
    assert [row[name] for name in ("plays_before", "plays_after", "uplift", "plays_since")] == [3, 12, 9, 28]
    assert [row[name] for name in ("skips_since", "skips_known_since", "skip_rate")] == [2, 26, 0.076923]
    assert (row["days_listed"], row["days_since_last_play"], row["is_dead_weight"]) == (60, 171, False)
    assert (row["content_key"], row["track_name"], row["position_bucket"]) == ("a", "Song", "1-10")


def test_a_day_of_adding_is_the_listeners_own(rows_of, monkeypatch):
    monkeypatch.setenv("SPOTIFY_ASSETS_TIMEZONES", f"{LISTENER}=America/Los_Angeles")
    [row] = rows_of("playlist_impact", [on_list(added_at=utc("2024-03-01 07:00:00"))])
    assert row["added_on"] == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("more", "added_on", "listed_since"),
    [
        ({}, None, 0),  # on the first snapshot: it was there before
        ({"first": 10}, 10, 10),
        ({"first": 10, "added_at": utc("2024-03-05 12:00:00")}, 4, 4),
    ],
)
def test_when_a_track_was_added(rows_of, more, added_on, listed_since):
    rows = rows_of("playlist_impact", [on_list("b"), on_list(**more)], [played(5, plays=3)])
    [row] = [row for row in rows if row["content_key"] == "a"]
    assert row["added_on"] == (None if added_on is None else after(added_on))
    assert row["listed_since"] == after(listed_since)
    assert row["plays_since"] == (3 if listed_since < 5 else 0)
    assert (row["uplift"] is None) == (added_on is None)


@pytest.mark.parametrize(
    ("first", "last", "before", "after_it"),
    [(-28, 28, True, True), (-27, 27, False, False), (2, 300, False, False), (-100, -2, False, False)],
)
def test_days_without_history_tell_nothing(rows_of, first, last, before, after_it):
    tenure = [on_list(added_at=utc("2024-03-01 12:00:00"))]
    [row] = rows_of("playlist_impact", tenure, first=first, last=last)
    assert [row["plays_before"] == 0, row["plays_after"] == 0] == [before, after_it]
    assert [row["plays_before"] is None, row["plays_after"] is None] == [not before, not after_it]


def test_dead_weight_is_there_for_90_days_and_not_played_since(rows_of):
    tenure = [
        on_list("a", last=90),
        on_list("b", last=89),
        on_list("c", last=90, position=None),
        on_list("d", last=90),
        on_list("a", last=100, playlist=2, position=10),
        on_list("d", last=100, playlist=3, first=50, position=100),
    ]
    rows = rows_of("playlist_impact", tenure, [played(0), played(-5), played(40, "d")])
    dead = [(row["playlist_key"], row["content_key"]) for row in rows if row["is_dead_weight"]]
    assert sorted(dead) == [(1, "a"), (2, "a")]
    assert only(rows, "playlist_key", "content_key", "position_bucket", "days_listed") == [
        (1, "a", "1-10", 90),
        (1, "b", "1-10", 89),
        (1, "c", None, 90),
        (1, "d", "1-10", 90),
        (2, "a", "11-30", 100),
        (3, "d", "101+", 50),
    ]
    # Days on a list don't count beyond the last play of anything.
    assert not any(row["is_dead_weight"] for row in rows_of("playlist_impact", tenure, [played(0)], last=89))


def test_a_recording_that_is_twice_on_a_list_is_one_row(rows_of):
    tenure = [
        on_list("a", first=0, last=10, position=None),
        on_list("A", first=20, last=60, position=30),
        episode_on_list(),
    ]
    [row] = rows_of("playlist_impact", tenure, [played(1)])
    assert [row[name] for name in ("content_key", "recording_key", "is_current", "position_bucket")] == [
        "a", 1, True, "31-100",
    ]  # fmt: skip
    # It was on the first snapshot, whatever the other id says.
    assert (row["added_on"], row["listed_since"], row["plays_since"]) == (None, DAY, 1)


def test_without_plays_there_is_no_impact(rows_of):
    assert rows_of("playlist_impact", [on_list()], dim_listener=[]) == []


def test_where_the_listener_has_heard_no_music_it_is_of_whoever_has_heard_most(rows_of, figures):
    heard = {"ben": (3, 7), "cleo": (4, 9), "dan": (5, 9)}
    days = [played(1, plays=plays, listener=name, ms_played=ms) for name, (plays, ms) in heard.items()]
    known = [{"listener": name, "first_date": after(-100), "last_date": after(200)} for name in (LISTENER, *heard)]

    def impact(*more):
        return [
            row["plays_since"] for row in rows_of("playlist_impact", [on_list()], [*days, *more], dim_listener=known)
        ]

    assert impact() == [4]
    assert impact(played(1, ms_played=1)) == [1]
    others = {"ben": "a", "cleo": "ab", "dan": "c"}.items()
    rows = [figures({"p": [(0, 1)]}, [on_list(playlist="p")], mine, others)["p"] for mine in ("", "d")]
    assert [(row["favourites"], row["favourites_share"]) for row in rows] == [(2, 0.5), (1, 0)]
