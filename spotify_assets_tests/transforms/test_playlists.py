from datetime import date, datetime

import pytest

from spotify_assets import transforms
from spotify_assets.readers.playlists import item_fields
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.readers.test_playlists import entry, episode, id_of, local, track

JANUARY = date(2024, 1, 1)


def day(number):
    return date(2024, 1, number)


def raw_items(on, *payloads, playlist="p"):
    """Rows of `raw_playlists`: a snapshot of January."""
    shared = {"snapshot_date": day(on), "playlist_id": playlist, "source_file": f"{playlist}.json", "month": JANUARY}
    return [item_fields(entry(one)) | shared | {"position": place} for place, one in enumerate(payloads)]


def raw_file(on, playlist="p", **more):
    """A row of `raw_playlist_files`; without a name, it holds items only."""
    path = f"playlists/{day(on)}/{playlist}.json"
    told = {"playlist_name": "Morning", "description": "d", "owner": "o", "is_public": True, "is_collaborative": False}
    return (
        {"source_file": path, "snapshot_date": day(on), "playlist_id": playlist, "status": "read", "items": 0}
        | (told | {"image_url": "mosaic"} if more.get("playlist_name", True) else {})
        | more
    )


@pytest.fixture
def tracks(frame):
    """`playlist_tracks` of some snapshots."""

    def clean(*snapshots):
        return transforms.playlist_tracks(frame("raw_playlists", [row for rows in snapshots for row in rows]))

    return clean


@pytest.fixture
def lists(frame, tracks):
    """`playlist_tracks` and `raw_playlist_files` of one playlist's snapshots: tracks, a letter each, by day."""

    def make(by_day):
        items = [raw_items(on, *map(track, names)) for on, names in by_day.items()]
        return tracks(*items), frame("raw_playlist_files", [raw_file(on) for on in by_day])

    return make


def only(rows, *columns):
    return [tuple(row[name] for name in columns) for row in rows]


def test_tracks_local_files_removed_items_and_episodes_are_told_apart(tracks):
    payloads = [track("A"), local("Demo"), None, track("", id=None, uri=None), episode("#1"), track("A")]
    rows = tracks(raw_items(1, *payloads)).orderBy("position").collect()
    columns = ("position", "content_type", "is_local", "track_name", "artist_name", "episode_name", "show_name")
    assert only(rows, *columns) == [
        (0, "track", False, "A", "Band", None, None),
        (1, "local", True, "Demo", "Me", None, None),
        (2, "removed", False, None, None, None, None),
        (3, "removed", False, None, None, None, None),
        (4, "episode", False, None, None, "#1", "Show"),
        (5, "track", False, "A", "Band", None, None),
    ]
    a, e = id_of("A"), id_of("e1")
    keys = only(rows, "content_key", "track_key", "episode_key")
    assert [keys[0], keys[2], keys[3], keys[4], keys[5]] == [
        (a, a, None), (None, None, None), (None, None, None), (e, None, e), (a, a, None),
    ]  # fmt: skip
    assert keys[1][0].startswith("name:")
    assert [row["recording_key"] is None for row in rows] == [False, False, True, True, True, False]
    assert (rows[0]["album_name"], rows[0]["isrc"], rows[0]["duration_ms"]) == ("Album", "USX9P2000001", 200_000)


def test_keys_are_those_of_a_play_of_the_same_names(tracks, spark):
    of_album = track("Song", "Guest", "Band") | {"album": track("x", "BAND ")["album"]}
    [row] = tracks(raw_items(1, of_album)).collect()
    [(expected,)] = spark.sql("SELECT xxhash64('band', 'song')").collect()
    assert (row["artist_name"], row["recording_key"]) == ("BAND", expected)


def test_without_an_album_the_first_artist_counts(tracks):
    rows = tracks(
        raw_items(1, track("A", "Guest", "Band", album=None), track("B", artists=None, album=None))
    ).collect()
    assert sorted(only(rows, "track_name", "artist_name")) == [("A", "Guest"), ("B", None)]


def test_every_key_of_a_fact_is_in_its_dimension(frame, tracks, computed):
    odd = [
        track("A", "Band", "Guest"), track("B", album=None), track("C", artists=None, album=None), local("Demo"),
        local("Demo two", "Me", "You"), local(""), track(" \u200b", album={"name": "\u200b"}), None, episode(),
        episode("#2", id=None, show=None), track("D", artists=[{"name": "\u200b"}, {"name": "Alone"}]),
        track("E", artists=[{"name": "Nobody knows"}]), track("F", on=""), track("", artists=[]),
    ]  # fmt: skip
    items = tracks(raw_items(1, *odd))
    files = frame("raw_playlist_files", [raw_file(1)])
    facts = transforms.fct_playlist_tracks(items).collect()
    catalogue = computed("track_catalogue", playlist_tracks=items)
    dim_track = computed("dim_track", track_catalogue=catalogue)
    dimensions = {
        "track_key": dim_track,
        "artist_key": computed("dim_artist", track_catalogue=catalogue),
        "album_key": computed("dim_album", track_catalogue=catalogue),
        "episode_key": computed("dim_episode", playlist_tracks=items),
        "date_key": computed("dim_date", raw_playlist_files=files),
        "playlist_key": computed("dim_playlist", raw_playlist_files=files),
    }
    known = {key: {row[key] for row in dimension.collect()} for key, dimension in dimensions.items()}
    assert len(facts) == len(odd)
    for key, keys in known.items():
        assert {row[key] for row in facts} <= keys, key
    bridge = computed("bridge_track_artist", dim_track=dim_track, track_catalogue=catalogue).collect()
    assert {row["artist_key"] for row in bridge} <= known["artist_key"]
    assert {row["track_key"] for row in bridge} <= known["track_key"]
    assert {row["artist_key"] for row in dimensions["album_key"].collect()} <= known["artist_key"]
    by_place = {row["position"]: row for row in facts}
    assert (
        only([by_place[7], by_place[8]], "track_key", "recording_key", "artist_key", "album_key")
        == [("not_applicable", -2, -2, -2)] * 2
    )
    assert (by_place[2]["artist_key"], by_place[2]["album_key"]) == (-1, -1)


def versions(rows):
    return only(
        sorted((row for row in rows if row["playlist_key"] not in (-1, -2)), key=lambda row: row["valid_from"]),
        "playlist_name",
        "valid_from",
        "valid_to",
        "is_current",
    )


@pytest.mark.parametrize(
    "change",
    [{"playlist_name": "Evening"}, {"description": None}, {"owner": None}, {"is_public": False}, {"is_public": None},
     {"is_collaborative": True}],
)  # fmt: skip
def test_what_makes_a_version_of_a_playlist(computed, frame, change):
    files = [raw_file(1), raw_file(3), raw_file(5, **change), raw_file(7, **change), raw_file(9)]
    rows = computed("dim_playlist", raw_playlist_files=frame("raw_playlist_files", files)).collect()
    changed = change.get("playlist_name", "Morning")
    assert versions(rows) == [
        ("Morning", day(1), day(5), False),
        (changed, day(5), day(9), False),
        ("Morning", day(9), None, True),
    ]


def test_a_text_that_moves_from_one_attribute_to_another_makes_a_version(computed, frame):
    files = [raw_file(1, description="x", owner=None), raw_file(2, description=None, owner="x")]
    rows = computed("dim_playlist", raw_playlist_files=frame("raw_playlist_files", files)).collect()
    assert versions(rows) == [("Morning", day(1), day(2), False), ("Morning", day(2), None, True)]


def test_another_image_makes_no_version_and_neither_does_what_tells_nothing(computed, frame):
    files = [
        raw_file(1, playlist_name=None),
        raw_file(2, image_url="first"),
        raw_file(3, playlist_name=None),
        raw_file(4, image_url="latest"),
        raw_file(5, status="replaced", playlist_name="Replaced"),
        raw_file(6, status="unreadable", playlist_name=None),
    ]
    rows = computed("dim_playlist", raw_playlist_files=frame("raw_playlist_files", files)).collect()
    assert versions(rows) == [("Morning", day(1), None, True)]
    assert [row["image_url"] for row in rows if row["playlist_id"] == "p"] == ["latest"]


def test_a_playlist_that_nobody_named_is_unknown_by_name(computed, frame):
    files = [raw_file(1, playlist_name=None), raw_file(2, playlist_name=None)]
    rows = computed("dim_playlist", raw_playlist_files=frame("raw_playlist_files", files)).collect()
    assert versions(rows) == [("unknown", day(1), None, True)]


def test_each_fact_has_one_version_as_of_its_day(computed, frame, tracks):
    files = [raw_file(on, playlist_name=name) for on, name in enumerate([None, "A", "B", None, "A"], 1)]
    facts = transforms.fct_playlist_tracks(tracks(*[raw_items(on, track("x"), track("y")) for on in range(1, 6)]))
    dim = computed("dim_playlist", raw_playlist_files=frame("raw_playlist_files", files))
    joined = facts.join(dim, "playlist_key").where(
        "snapshot_date >= valid_from AND (valid_to IS NULL OR snapshot_date < valid_to)"
    )
    found = sorted(only(joined.collect(), "snapshot_date", "position", "playlist_name"))
    assert found == [(day(on), place, name) for on, name in enumerate("AABBA", 1) for place in (0, 1)]


def changes(playlist_tracks, files):
    rows = transforms.playlist_changes(playlist_tracks, files).orderBy("snapshot_date", "name").collect()
    return [
        (row["snapshot_date"].day, row["change"], row["name"], row["previous_position"], row["position"])
        for row in rows
    ]


@pytest.mark.parametrize(
    ("by_day", "expected"),
    [
        ({1: "AB"}, []),
        ({1: "AB", 2: "AB"}, []),
        ({1: "AB", 2: "ABC"}, [(2, "entered", "C", None, 2)]),
        ({1: "ABC", 2: "AC"}, [(2, "left", "B", 1, None), (2, "moved", "C", 2, 1)]),
        ({1: "AB", 2: "BA"}, [(2, "moved", "A", 0, 1), (2, "moved", "B", 1, 0)]),
        ({1: "A", 2: "", 3: "A"}, [(2, "left", "A", 0, None), (3, "entered", "A", None, 0)]),
        ({1: "", 2: "A"}, [(2, "entered", "A", None, 0)]),
        ({1: "A", 2: ""}, [(2, "left", "A", 0, None)]),
        ({1: "AAB", 2: "ABA"}, [(2, "moved", "B", 2, 1)]),
        ({1: "ABA", 2: "BA"}, [(2, "moved", "A", 0, 1), (2, "moved", "B", 1, 0)]),
    ],
)
def test_what_entered_left_and_moved(lists, by_day, expected):
    assert changes(*lists(by_day)) == expected


def test_missing_days_are_counted(lists):
    [row] = transforms.playlist_changes(*lists({1: "A", 4: "AB", 5: "AB"})).collect()
    assert only([row], "snapshot_date", "previous_snapshot_date", "days") == [(day(4), day(1), 3)]


def test_places_up(lists):
    rows = transforms.playlist_changes(*lists({1: "ABC", 2: "CD"})).orderBy("name").collect()
    assert only(rows, "name", "change", "places_up", "artist_name", "content_type") == [
        ("A", "left", None, "Band", "track"),
        ("B", "left", None, "Band", "track"),
        ("C", "moved", 2, "Band", "track"),
        ("D", "entered", None, "Band", "track"),
    ]


def test_an_unreadable_day_is_no_snapshot(frame, tracks):
    files = [raw_file(1), raw_file(2, status="unreadable", playlist_name=None), raw_file(3)]
    found = changes(tracks(raw_items(1, track("A")), raw_items(3, track("A"))), frame("raw_playlist_files", files))
    assert found == []


def test_playlists_don_t_mix_and_episodes_and_local_files_count(frame, tracks):
    items = tracks(
        raw_items(1, track("A"), playlist="p"),
        raw_items(1, track("B"), playlist="q"),
        raw_items(2, track("A"), local("Demo"), None, playlist="p"),
        raw_items(2, track("B"), episode(), playlist="q"),
    )
    files = frame("raw_playlist_files", [raw_file(on, playlist) for on in (1, 2) for playlist in "pq"])
    rows = transforms.playlist_changes(items, files).orderBy("name").collect()
    assert only(rows, "name", "artist_name", "content_type", "change") == [
        ("#1", "Show", "episode", "entered"),
        ("Demo", "Me", "local", "entered"),
    ]
    assert [row["track_key"] is None for row in rows] == [True, False]


def test_tenure(lists):
    found = transforms.playlist_track_tenure(*lists({1: "AB", 2: "BA", 4: "B", 5: "AB", 6: "CBA"}))
    columns = ("first_seen_on", "last_seen_on", "days_on_list", "entries", "peak_position", "peak_on")
    by_name = {row["name"]: row for row in found.collect()}
    assert {name: only([row], *columns)[0] for name, row in by_name.items()} == {
        "A": (day(1), day(6), 4, 2, 0, day(1)),
        "B": (day(1), day(6), 5, 1, 0, day(2)),
        "C": (day(6), day(6), 1, 1, 0, day(6)),
    }
    assert {name: (row["current_position"], row["is_current"]) for name, row in by_name.items()} == {
        "A": (2, True),
        "B": (1, True),
        "C": (0, True),
    }


def test_what_is_on_a_list_several_times_has_its_first_place_and_counts_once_a_day(lists):
    found = transforms.playlist_track_tenure(*lists({1: "BAA", 2: "AAB", 4: "B", 5: "BABA"})).where("name = 'A'")
    columns = ("days_on_list", "entries", "peak_position", "peak_on", "current_position")
    assert only(found.collect(), *columns) == [(3, 2, 0, day(2), 1)]


def test_a_change_has_the_names_of_its_day_and_what_left_those_of_the_day_before(frame, tracks):
    named = {on: track(name, id=id_of("x")) for on, name in enumerate(("Amen", "Zen"), 1)}
    items = tracks(raw_items(1, named[1]), raw_items(2, track("B"), named[2]), raw_items(3, track("B")))
    files = frame("raw_playlist_files", [raw_file(on) for on in (1, 2, 3)])
    assert changes(items, files) == [
        (2, "entered", "B", None, 0),
        (2, "moved", "Zen", 0, 1),
        (3, "left", "Zen", 1, None),
    ]


def test_what_is_gone_has_no_place_also_where_nothing_is_left(lists):
    for by_day in ({1: "AB", 2: "B"}, {1: "A", 2: ""}):
        rows = transforms.playlist_track_tenure(*lists(by_day)).where("name = 'A'").collect()
        assert only(rows, "current_position", "is_current", "last_seen_on") == [(None, False, day(1))]


def test_tenure_has_the_first_time_that_a_track_was_added(frame, tracks):
    told = {1: [None, utc("2024-01-01 09:00:00")], 2: [utc("2023-12-31 23:00:00"), None], 3: [utc("2024-01-03")] * 2}
    items = tracks(
        [
            row | {"added_at": added_at}
            for on, times in told.items()
            for row, added_at in zip(raw_items(on, track("A"), track("A")), times, strict=True)
        ],
        raw_items(1, track("B"), playlist="q"),
    )
    files = frame("raw_playlist_files", [raw_file(on) for on in told] + [raw_file(1, "q")])
    rows = transforms.playlist_track_tenure(items, files).orderBy("name").collect()
    assert only(rows, "name", "added_at") == [("A", datetime(2023, 12, 31, 23)), ("B", datetime(2024, 1, 1))]


def test_tenure_has_the_latest_names(frame, tracks):
    items = tracks(raw_items(1, track("Song", id=id_of("x"))), raw_items(2, track("Song!", id=id_of("x"))))
    files = frame("raw_playlist_files", [raw_file(1), raw_file(2)])
    assert only(transforms.playlist_track_tenure(items, files).collect(), "name", "days_on_list") == [("Song!", 2)]


def test_dates_span_the_days_of_snapshots(computed, frame):
    dates = computed("dim_date", raw_playlist_files=frame("raw_playlist_files", [raw_file(1)])).collect()
    assert len(dates) == 366 + 2
    assert 20240131 in {row["date_key"] for row in dates}
