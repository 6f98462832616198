import io
import json
import re
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest

from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.playlists import NoPlaylistError, item_fields, read_playlist, time_in_name
from spotify_assets.readers.responses import remove_people

PLAYLIST = "37i9dQZF1DX0000000PLAY"
CAPTURED = "2024-01-31T06:00:00+00:00"


def id_of(name):
    """An id that bears the name."""
    return (name.replace(" ", "") + "0" * 22)[:22]


def artist(name, /, **more):
    return {"type": "artist", "id": id_of(name), "name": name} | more


def track(name="Song", /, *artists, on="Album", **more):
    """A track on an album, as the Web API tells it; its first artist is the album's."""
    of_track = [artist(one) for one in artists or ("Band",)]
    return {
        "type": "track",
        "id": id_of(name),
        "uri": f"spotify:track:{id_of(name)}",
        "name": name,
        "artists": of_track,
        "album": {
            "id": id_of(on),
            "name": on,
            "artists": of_track[:1],
            "album_type": "album",
            "total_tracks": 10,
            "release_date": "2020-02-29",
            "release_date_precision": "day",
            "images": [
                {"url": "https://i.scdn.co/small", "width": 64},
                {"url": "https://i.scdn.co/big", "width": 640},
            ],
        },
        "duration_ms": 200_000,
        "explicit": False,
        "external_ids": {"isrc": "USX9P2000001"},
        "disc_number": 1,
        "track_number": 3,
        "is_local": False,
    } | more


def episode(name="#1", /, **more):
    return {
        "type": "episode",
        "id": id_of(name.replace("#", "e")),
        "name": name,
        "duration_ms": 1_800_000,
        "explicit": True,
        "release_date": "2023",
        "release_date_precision": "year",
        "images": [],
        "show": {"name": "Show"},
    } | more


def local(name="Demo", *artists):
    return track(
        name,
        id=None,
        uri=f"spotify:local:Me::{name}:200",
        is_local=True,
        artists=[{"name": one, "id": None} for one in artists or ("Me",)],
        album={"name": "", "artists": [], "images": []},
        external_ids={},
    )


def entry(payload, key="item", **more):
    """An item of a playlist, as the Web API tells it."""
    person = {"id": "someone_else", "uri": "spotify:user:someone_else", "display_name": "Some One Else"}
    return {"added_at": "2024-01-01T00:00:00Z", "added_by": person, "is_local": False, key: payload} | more


def about(playlist_id=PLAYLIST, name="Morning", owner="someone", **more):
    """What the Web API tells of a playlist itself."""
    return {
        "type": "playlist",
        "id": playlist_id,
        "name": name,
        "description": "For mornings",
        "owner": {"id": owner, "display_name": "Some One"},
        "public": True,
        "collaborative": False,
        "images": [{"url": "https://i.scdn.co/mosaic", "width": None}],
    } | more


def page(*items, offset=0, total=None):
    return {"items": list(items), "limit": 50, "offset": offset, "total": len(items) if total is None else total}


def capture(*payloads, captured_at=CAPTURED, **more):
    """A capture as this project lands it."""
    return {
        "captured_at": captured_at,
        "playlist": about(**more),
        "pages": [page(*[entry(payload) for payload in payloads])],
    }


def read(document, max_bytes=1_000_000):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_playlist(io.BytesIO(content), max_bytes)


def names(playlist):
    return [item_fields(item)["track_name"] for item in playlist.items]


def only(payload, **more):
    return item_fields(entry(payload, **more))


def test_a_capture_of_ours():
    playlist = read(capture(track("A"), track("B")))
    assert (playlist.playlist_id, playlist.captured_at) == (PLAYLIST, datetime(2024, 1, 31, 6, tzinfo=UTC))
    assert names(playlist) == ["A", "B"]
    assert playlist.attributes == {
        "playlist_name": "Morning",
        "description": "For mornings",
        "owner": playlist.attributes["owner"],
        "is_public": True,
        "is_collaborative": False,
        "image_url": "https://i.scdn.co/mosaic",
    }


@pytest.mark.parametrize(("paging", "key"), [("items", "item"), ("tracks", "track"), ("tracks", "item")])
@pytest.mark.parametrize("in_list", [False, True])
def test_a_whole_playlist_object(paging, key, in_list):
    whole = about() | {paging: page(entry(track("A"), key))}
    playlist = read([whole] if in_list else whole)
    assert (playlist.playlist_id, playlist.attributes["playlist_name"]) == (PLAYLIST, "Morning")
    assert names(playlist) == ["A"]


ITEMS = [entry(track("A"), "track"), entry(track("B"), "item")]


@pytest.mark.parametrize(
    "document",
    [
        [page(ITEMS[0], total=2), page(ITEMS[1], offset=1, total=2)],
        page(*ITEMS),
        [page(*ITEMS)],
        ITEMS,
        {"items": ITEMS},
        {"captured_at": None, "playlist": None, "pages": [page(*ITEMS)]},
    ],
)
def test_pages_or_items_alone_tell_of_no_playlist(document):
    playlist = read(document)
    assert names(playlist) == ["A", "B"]
    assert (playlist.playlist_id, playlist.captured_at, playlist.attributes) == (None, None, {})


def test_a_list_of_one_item_is_a_list_of_items():
    assert names(read(ITEMS[:1])) == ["A"]


def test_a_capture_in_a_list_of_one():
    assert read([capture(track("A"))]).playlist_id == PLAYLIST


def test_items_beside_the_name():
    playlist = read(about() | {"items": ITEMS})
    assert (names(playlist), playlist.attributes["playlist_name"]) == (["A", "B"], "Morning")


def test_an_empty_playlist_is_one():
    assert read(capture()).items == []
    assert read(page()).items == []


def test_pages_out_of_order_twice_and_overlapping():
    first = page(*[entry(track(name)) for name in "AB"], total=4)
    last = page(*[entry(track(name)) for name in "CD"], offset=2, total=4)
    overlapping = page(*[entry(track(name)) for name in "BC"], offset=1, total=4)
    assert names(read([last, first, last, overlapping])) == ["A", "B", "C", "D"]


def test_pages_without_a_total_are_whole_where_one_is_the_last():
    first = {"items": ITEMS[:1], "offset": 0, "next": "https://api.spotify.com/v1/playlists/x/items?offset=1"}
    assert names(read([{"items": ITEMS[1:], "offset": 1, "next": None}, first])) == ["A", "B"]


def test_a_page_twice_that_does_not_tell_its_offset_is_refused():
    one = {"items": ITEMS, "total": 2}
    with pytest.raises(UnreadableError, match="4 of 2 items"):
        read([one, one])


@pytest.mark.parametrize(
    "document",
    [
        page(*ITEMS, total=250),
        about() | {"tracks": page(*ITEMS, total=250)},
        capture() | {"pages": [page(*ITEMS, total=250)]},
        [page(*ITEMS, total=250), page(*ITEMS, offset=2, total=250)],
        {"items": ITEMS, "next": "https://api.spotify.com/v1/playlists/x/items?offset=2"},
    ],
)
def test_a_part_of_a_playlist_is_refused(document):
    with pytest.raises(UnreadableError, match=r"land all pages|land each page"):
        read(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (json.dumps(capture(track("A"))).encode()[:-30], "cut off"),
        (b"hello", "no valid JSON"),
        (b"\xff\xfe{\x00", "no UTF-8"),
        (b"\x00\x00", "no valid JSON"),
        (b"[]", "empty list"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"items": [{"track": {"duration_ms": ' + b"1" * 5000 + b"}}]}", "thousands of digits"),
        (json.dumps([about() | {"tracks": page(*ITEMS)}] * 2).encode(), "2 playlists; land one a file"),
        (json.dumps([capture(track("A"))] * 3).encode(), "3 playlists; land one a file"),
        (b'{"playlist": {}, "pages": []}', "no lists of a playlist's items"),
        (b'{"playlist": 5, "pages": 5}', "no lists of a playlist's items"),
        (b'{"playlist": {}, "pages": [null]}', "no lists of a playlist's items"),
        (b'{"playlist": {}, "pages": [{"items": 5}]}', "no lists of a playlist's items"),
        (b'{"playlist": {}, "pages": [{"items": [{"played_at": "x", "track": {}}]}]}', "no lists of a playlist's"),
    ],
)
def test_what_cannot_be_read_says_why(content, message):
    with pytest.raises(UnreadableError, match=message):
        read(content)


def test_a_capture_has_a_size_limit():
    with pytest.raises(UnreadableError, match="SPOTIFY_ASSETS_MAX_JSON_MB"):
        read(capture(track("A")), max_bytes=1000)


RECENT = {"played_at": "2024-01-31T13:37:00Z", "track": track("A")}


@pytest.mark.parametrize(
    "document",
    [
        5,
        "secret",
        None,
        {},
        [5],
        [None, {}],
        {"error": {"status": 404, "message": "Not found."}},
        about() | {"items": {"href": "https://api.spotify.com", "total": 7}},
        about() | {"tracks": None},
        {"items": [RECENT], "cursors": {}},
        [{"items": [RECENT]}, {"items": [RECENT]}],
        {"items": [about()], "total": 1},
        [{"items": [about()]}, {"items": [about()]}],
        {"type": "album", "id": id_of("Album"), "name": "Album", "tracks": {"items": [track("A")]}},
        {"type": "album", "id": id_of("Album"), "name": "Album", "tracks": {"items": []}},
        {"tracks": {"items": [track("A")]}},
        {"playlists": [{"name": "Mine", "items": [{"track": {"trackName": "A"}}]}]},
        [{"endTime": "2021-04-22 05:41", "msPlayed": 1, "trackName": "A"}] * 2,
    ],
)
def test_other_json_is_no_playlist(document):
    with pytest.raises(NoPlaylistError) as raised:
        read(document)
    assert isinstance(raised.value, NoHistoryError)
    assert "secret" not in str(raised.value)


def test_a_track():
    fields = only(track("A", "Band", "Guest"))
    assert {name: value for name, value in fields.items() if name != "item"} == {
        "track_name": "A",
        "artist_ids": [id_of("Band"), id_of("Guest")],
        "artist_names": ["Band", "Guest"],
        "duration_ms": 200_000,
        "explicit": False,
        "isrc": "USX9P2000001",
        "disc_number": 1,
        "track_number": 3,
        "popularity": None,
        "album_id": id_of("Album"),
        "album_name": "Album",
        "album_artist_id": id_of("Band"),
        "album_artist_name": "Band",
        "album_type": "album",
        "total_tracks": 10,
        "release_date": date(2020, 2, 29),
        "release_date_precision": "day",
        "image_url": "https://i.scdn.co/big",
        "added_at": datetime(2024, 1, 1, tzinfo=UTC),
        "is_removed": False,
        "is_local": False,
        "item_type": "track",
        "item_id": id_of("A"),
    }


def kind(fields):
    return tuple(fields[name] for name in ("item_type", "item_id", "is_local", "is_removed"))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (entry(local()), ("track", None, True, False)),
        (entry(local() | {"is_local": None}, is_local=True), ("track", None, True, False)),
        (entry(track("A", is_local=True)), ("track", None, True, False)),
        (entry(None), (None, None, False, True)),
        (entry(track("", id=None, uri=None)), (None, None, False, True)),
        (entry(track("", id=None, uri=None), is_local=True), (None, None, False, True)),
        (entry(episode()), ("episode", id_of("e1"), False, False)),
        (entry(episode(type=None, episode=True)), ("episode", id_of("e1"), False, False)),
        (entry(track("A", id=None)), ("track", id_of("A"), False, False)),
        (entry(track("A", id="too short", uri="spotify:episode:" + id_of("A"))), ("track", None, False, False)),
        (entry(None) | {"track": track("B")}, ("track", id_of("B"), False, False)),
        (None, (None, None, False, True)),
        (5, (None, None, False, True)),
        ([], (None, None, False, True)),
    ],
)
def test_what_an_item_is(item, expected):
    assert kind(item_fields(item)) == expected


def test_an_episode_has_its_show_and_no_artists():
    fields = only(episode())
    assert (fields["track_name"], fields["show_name"], fields["duration_ms"]) == ("#1", "Show", 1_800_000)
    assert (fields["release_date"], fields["release_date_precision"]) == (date(2023, 1, 1), "year")
    assert (fields["image_url"], fields.get("artist_names")) == (None, None)


@pytest.mark.parametrize(
    ("release_date", "precision", "expected"),
    [
        ("2020-02-29", "day", (date(2020, 2, 29), "day")),
        ("2020-02", "month", (date(2020, 2, 1), "month")),
        ("2020", "year", (date(2020, 1, 1), "year")),
        ("2020-02-29", None, (date(2020, 2, 29), "day")),
        ("2020-02-29", "year", (date(2020, 1, 1), "year")),
        ("2020-02-29", "month", (date(2020, 2, 1), "month")),
        ("2020", "day", (date(2020, 1, 1), "year")),
        ("2021-02-29", "day", (None, None)),
        ("2021-13", "month", (None, None)),
        ("2021-02-00", "day", (date(2021, 2, 1), "month")),
        ("2021-00-15", "day", (date(2021, 1, 1), "year")),
        ("0000", "year", (None, None)),
        ("", "day", (None, None)),
        (2020, "year", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_release_dates(release_date, precision, expected):
    album = track()["album"] | {"release_date": release_date, "release_date_precision": precision}
    fields = only(track(album=album))
    assert (fields["release_date"], fields["release_date_precision"]) == expected


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (None, None),
        ([], None),
        ([{"url": None}, 5, {}], None),
        ([{"url": "a"}, {"url": "b"}], "a"),
        ([{"url": "a", "width": 64}, {"url": "b", "width": "wide"}, {"url": "c", "width": 300}], "c"),
    ],
)
def test_images(images, expected):
    assert only(track(album=track()["album"] | {"images": images}))["image_url"] == expected
    without = {name: value for name, value in track()["album"].items() if name != "images"}
    assert only(track(album=without))["image_url"] is None


def test_names_are_in_nfc_and_hold_no_separators():
    fields = only(track("Cafe\u0301\x1f!", "Beyonce\u0301"))
    assert (fields["track_name"], fields["artist_names"]) == ("Caf\u00e9 !", ["Beyonc\u00e9"])


HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e300, 10**400, "", " ", "NaN", "\x00", "\ud83d", "\u202e", "x" * 10_000, [], [[]],
    [None, 5], {}, {"name": 5, "id": 5}, {"total": -1},
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_value_in_any_field_costs_that_field_only(value):
    for field in track():
        fields = only(track("A") | {field: value})
        assert fields["item_type"] in ("track", None)
        assert fields["is_removed"] or field == "name" or fields["track_name"] == "A"
    for field in track()["album"]:
        assert only(track("A", album=track()["album"] | {field: value}))["track_name"] == "A"
    for field in about():
        playlist = read(capture(track("A"), **{field: value}) if field != "name" else capture(track("A"), name=value))
        assert names(playlist) == ["A"]
    for field in ("added_at", "added_by", "is_local", "primary_color"):
        assert only(track("A"), **{field: value})["track_name"] == "A"
    assert names(read(capture(track("A"), captured_at=value))) == ["A"]


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0.0", b"1" * 400])
def test_numbers_that_are_none_are_null_and_the_item_stays_json(text):
    content = json.dumps(capture(track("A", duration_ms="here"))).encode().replace(b'"here"', text)
    fields = item_fields(read(content).items[0])
    assert fields["duration_ms"] in (None, 0)
    json.loads(fields["item"], parse_constant=pytest.fail)


def test_booleans_are_no_numbers_and_numbers_no_booleans():
    fields = only(track("A", duration_ms=True, explicit=1, track_number=2.0, disc_number=1 << 31))
    assert [fields[name] for name in ("duration_ms", "explicit", "track_number", "disc_number")] == [
        None, None, 2, None,
    ]  # fmt: skip


@pytest.mark.parametrize("depth", [100, *range(900, 1000, 5), 200_000])
def test_deep_nesting_is_read_or_refused(depth):
    content = json.dumps(capture(track("A", more="here"))).encode()
    content = content.replace(b'"here"', b"[" * depth + b"]" * depth)
    refused = pytest.raises(UnreadableError, match="nested too deeply") if depth > 1000 else suppress(UnreadableError)
    with nullcontext() if depth < 900 else refused:
        assert names(read(content)) == ["A"]


def test_values_that_python_takes_for_equal_stay_apart():
    """The cache tells items apart by type: in Python, 1 == 1.0 == True, and a dict has no order."""
    items = [{"item": {"a": 0, "b": value}} for value in (1, 1.0, True)] + [{"item": {"b": 1, "a": 0}}]
    assert [item_fields(item)["item"] for item in items] == [
        '{"item":{"a":0,"b":1}}',
        '{"item":{"a":0,"b":1.0}}',
        '{"item":{"a":0,"b":true}}',
        '{"item":{"b":1,"a":0}}',
    ]


def test_half_a_surrogate_pair_becomes_text():
    fields = only(track("A\ud83d"))
    assert fields["track_name"] == "A?"
    assert fields["item"].encode()


@pytest.mark.parametrize(
    ("added_at", "expected"),
    [
        ("2024-01-01T01:00:00+01:00", datetime(2024, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (1_700_000_000, None),
    ],
)
def test_when_it_was_added(added_at, expected):
    assert only(track("A"), added_at=added_at)["added_at"] == expected


def test_nobody_is_named():
    nested = track("A", added_by={"id": "someone_else"}, more=[{"owner": {"display_name": "Some One Else"}}])
    shown = [item_fields(entry(payload)) for payload in (track("A"), nested, local(), episode(), None)]
    shown.append(read(capture()).attributes)
    assert not re.search("some.?one", json.dumps(shown, default=str), re.IGNORECASE)
    assert remove_people([{"added_by": 1, "a": {"display_name": 2, "b": 3}}]) == [{"a": {"b": 3}}]


def test_an_owner_is_a_hash_unless_spotify():
    def owner(value):
        return read(capture(owner=value)).attributes["owner"]

    assert owner("spotify") == "spotify"
    assert owner("someone") == owner("someone") != owner("another")
    assert len(owner("someone")) == 16
    assert owner(None) is owner(5) is None


def test_without_a_name_nothing_is_told_of_the_playlist():
    playlist = read(capture(track("A"), name=" "))
    assert (playlist.playlist_id, playlist.attributes) == (PLAYLIST, {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("abc.061530.json", (6, 15, 30)),
        ("a.b.c.235959.json", (23, 59, 59)),
        ("abc.json", None),
        ("abc.246000.json", None),
        ("abc.0615.json", None),
        ("abc.0615301.json", None),
    ],
)
def test_the_time_in_a_name(name, expected):
    day = date(2024, 1, 31)
    assert time_in_name(name, day) == (datetime(2024, 1, 31, *expected, tzinfo=UTC) if expected else None)
