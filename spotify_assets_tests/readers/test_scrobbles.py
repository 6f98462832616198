"""Exports of Last.fm and ListenBrainz. All lines are made up, in the form that exporters write."""

import io
import json
import zipfile
from typing import Any

import pytest

from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.history import read_history
from spotify_assets.readers.sources import sources
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.readers.test_readers import only, read

MAINSTREAM = """uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid
"1706708400","31 Jan 2024, 13:40","Band","","Album","","Two","0f3f"
"1706708220","31 Jan 2024, 13:37","Band","","","","One, and more",""
"""
LASTFMSTATS = """\ufeffArtist;Album;AlbumId;Track;Date#someone
Band;Album;;Two;"1706708400000"
Band;;;One, and more;"1706708220000"
"""
WITHOUT_HEADER = """Band,Album,Two,"31 Jan 2024, 13:40"
Band,,"One, and more",31 Jan 2024 13:37
"""
API_PAGE: Any = {
    "recenttracks": {
        "@attr": {"user": "someone", "page": "1", "totalPages": "1"},
        "track": [
            {"artist": {"#text": "Band"}, "name": "Now", "album": {"#text": "A"}, "@attr": {"nowplaying": "true"}},
            {
                "artist": {"mbid": "", "#text": "Band"},
                "album": {"mbid": "", "#text": "Album"},
                "name": "Two",
                "date": {"uts": "1706708400", "#text": "31 Jan 2024, 13:40"},
            },
            {
                "artist": {"mbid": "", "name": "Band"},
                "album": {"mbid": "", "#text": ""},
                "name": "One, and more",
                "date": {"uts": 1706708220, "#text": "31 Jan 2024, 13:37"},
            },
        ],
    }
}
PLAYS = API_PAGE["recenttracks"]["track"]
STATS = [
    {"track": "Two", "artist": "Band", "album": "Album", "albumId": "", "date": 1706708400000},
    {"track": "One, and more", "artist": "Band", "album": "", "albumId": "", "date": 1706708220000},
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scrobbles.csv", MAINSTREAM),
        ("lastfmstats.csv", LASTFMSTATS),
        ("someone.csv", WITHOUT_HEADER),
        ("someone.csv", "Band,,Now,\n" * 3 + WITHOUT_HEADER),
        ("someone.csv", "artist,album,track,date\n" + WITHOUT_HEADER),
        ("page.json", json.dumps(API_PAGE)),
        ("pages.json", json.dumps([API_PAGE, {"recenttracks": {"track": []}}], indent=1)),
        ("pages.ndjson", json.dumps(API_PAGE) + "\n" + json.dumps({"recenttracks": {"track": PLAYS[0]}}) + "\n"),
        ("pages.json", json.dumps([API_PAGE["recenttracks"]])),
        ("tracks.json", json.dumps(PLAYS)),
        ("one.json", json.dumps([{"recenttracks": {"track": play}} for play in PLAYS[1:]])),
        ("lastfmstats.json", json.dumps({"username": "someone", "scrobbles": STATS})),
        ("scrobbles.ndjson", "\n".join(map(json.dumps, STATS))),
    ],
)
def test_exports_of_last_fm(name, content):
    source_format, rows = read(content, name)
    assert source_format == "lastfm"
    rows = [row for row in rows if row["reported_at"]]
    told = only(rows, "reported_at", "artist_name", "track_name", "raw_record")
    assert told == [
        (utc("2024-01-31 13:40:00"), "Band", "Two", None),
        (utc("2024-01-31 13:37:00"), "Band", "One, and more", None),
    ]
    assert (rows[0]["album_name"], rows[1]["album_name"] or None) == ("Album", None)
    assert [row["ms_played"] for row in rows] == ["240000", "180000"]
    assert "someone" not in json.dumps(rows, default=str)


def listen(listened_at, track="Song", **info):
    """A line of ListenBrainz' export."""
    about = {"artist_name": "Band", "track_name": track, "release_name": "Album", "additional_info": info}
    return {"listened_at": listened_at, "user_name": "someone", "track_metadata": about, "inserted_at": 1706708300}


ID = "4uLU6hMCjMI75M1A2tKUQC"


def test_an_export_of_listenbrainz():
    lines = [
        listen(1706708220, duration_ms=200_000, spotify_id=f"https://open.spotify.com/track/{ID}"),
        listen(1706708400, "Other", duration=300, origin_url=f"https://open.spotify.com/intl-de/track/{ID}?si=1"),
        listen(1706718400, "Third", duration_ms=123456.7, origin_url="https://music.example/rest/stream?token=secret"),
        {"listened_at": 1706728400, "track_metadata": {"artist_name": "Band", "track_name": "Bare"}},
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("user.json", json.dumps({"user_id": 1, "username": "someone"}))
        archive.writestr("listens/2024/1.jsonl", "\n".join(map(json.dumps, lines)))
        archive.writestr("feedback.jsonl", json.dumps({"recording_msid": "x", "score": 1}) + "\n")
    found, ignored = {}, []
    with sources("export.zip", lambda: content, 10_000_000) as parts:
        for source in parts:
            try:
                records = read_history(source.open(), source.name, 1_000_000)
                found[source.name] = [row for table in records.tables for row in table.to_pylist()]
                assert records.source_format == "listenbrainz"
            except NoHistoryError:
                ignored.append(source.name)
    assert (list(found), ignored) == (
        ["export.zip!listens/2024/1.jsonl"],
        ["export.zip!user.json", "export.zip!feedback.jsonl"],
    )
    [rows] = found.values()
    assert only(rows, "track_name", "artist_name", "album_name", "ms_played", "track_uri") == [
        ("Song", "Band", "Album", "180000", f"https://open.spotify.com/track/{ID}"),
        ("Other", "Band", "Album", "300000", f"https://open.spotify.com/intl-de/track/{ID}"),
        ("Third", "Band", "Album", "123456", None),
        ("Bare", "Band", None, "240000", None),
    ]
    assert rows[0]["reported_at"] == utc("2024-01-31 13:37:00")
    assert not any(word in json.dumps(rows, default=str) for word in ("someone", "secret"))


@pytest.mark.parametrize(
    ("gap", "known", "expected"),
    [
        (200, None, "200000"),
        (200, 180_000, "180000"),
        (200, 300_000, "200000"),
        (3600, None, "240000"),
        (3600, 600_000, "600000"),
        (5, None, "15000"),
        (5, 20_000, "10000"),
        (5, 900_000, "240000"),
        (200, 0, "200000"),
        (200, -5, "200000"),
        (200, 10**9, "200000"),
        (200, "garbage", "200000"),
        (200, 1e300, "200000"),
    ],
)
def test_a_play_lasts_until_the_next_and_no_longer_than_its_track(gap, known, expected):
    first = listen(1706708220) if known is None else listen(1706708220, duration_ms=known)
    _, rows = read("\n".join(map(json.dumps, [listen(1706708220 + gap, "Next"), first])), "x.jsonl")
    assert rows[1]["ms_played"] == expected


def test_two_plays_of_one_time_have_the_same_next():
    lines = [listen(1706708220, "A"), listen(1706708220, "B"), listen(1706708320, "C"), listen(None, "D")]
    _, rows = read("\n".join(map(json.dumps, lines)), "x.jsonl")
    assert [row["ms_played"] for row in rows] == ["100000", "100000", "240000", None]


def test_the_next_play_may_be_in_another_block(monkeypatch):
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", 300)
    lines = [json.dumps(listen(1706708220 + 100 * number)) for number in reversed(range(20))]
    _, rows = read("\n".join(lines), "x.jsonl")
    assert [row["ms_played"] for row in rows] == ["240000", *["100000"] * 19]


def test_dates_that_a_spreadsheet_rewrote_are_read_as_in_other_files():
    lines = ["artist,album,track,date", "Band,,A,1/31/2024 13:37", "Band,,B,1/2/2024 13:40"]
    records = read_history(io.BytesIO("\n".join(lines).encode()), "x.csv", 1000)
    rows = [row for table in records.tables for row in table.to_pylist()]
    assert [f"{row['reported_at']:%m-%d}" for row in rows] == ["01-31", "01-02"]
    records = read_history(io.BytesIO("\n".join([lines[0], lines[2]]).encode()), "x.csv", 1000)
    assert [table["ms_played"].to_pylist() for table in records.tables] == [[None]]
    assert records.detail.startswith("ambiguous dates")


HOSTILE: list[Any] = [
    None,
    1,
    True,
    [],
    {},
    [[]],
    "x",
    {"#text": []},
    {"#text": {"#text": "x"}},
    {"uts": []},
    "\ud83d",
    1e999,
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("field", ["artist", "album", "name", "date", "@attr"])
def test_a_hostile_value_in_a_field_of_last_fm_costs_that_play_only(field, value):
    bad = {**PLAYS[1], field: value}
    _, rows = read(json.dumps({"recenttracks": {"track": [bad, PLAYS[2], value]}}))
    assert [row["track_name"] for row in rows if row["reported_at"] == utc("2024-01-31 13:37:00")] == ["One, and more"]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("field", ["listened_at", "track_metadata"])
def test_a_hostile_value_in_a_listen_costs_that_listen_only(field, value):
    lines = [
        json.dumps({**listen(1706708220), field: value}),
        json.dumps(listen(1706708400, "Good")),
        json.dumps(value),
    ]
    _, rows = read("\n".join(lines), "x.jsonl")
    assert [row["track_name"] for row in rows if row["reported_at"] == utc("2024-01-31 13:40:00")] == ["Good"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("top.csv", "artist,album,scrobbles\nBand,Album,5\n"),
        ("notes.csv", "Band,Album,Two\nBand,Album,31 Jan 2024 13:40\n"),
        ("notes.csv", "a,b,c,31 January 2024\n"),
        ("empty.json", json.dumps({"recenttracks": {"track": []}})),
        ("now.json", json.dumps({"recenttracks": {"track": PLAYS[:1]}})),
        ("error.json", json.dumps({"message": "Invalid API key", "error": 10})),
        ("top.json", json.dumps({"toptracks": {"track": [{"name": "x", "artist": {"name": "y"}, "playcount": "5"}]}})),
        ("playing.jsonl", json.dumps({"playing_now": True, "track_metadata": {"track_name": "x"}}) + "\n"),
        ("listens.csv", "listened_at,track_metadata\n1706708220,x\n"),
    ],
)
def test_what_resembles_an_export_and_is_none(name, content):
    with pytest.raises(NoHistoryError):
        read(content, name)
