import json
from datetime import UTC, datetime

import pytest

from spotify_assets.readers import json as reading_json
from spotify_assets.readers.recently_played import plays_table
from spotify_assets.readers.records import RecordShaper
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.readers.test_playlists import HOSTILE, id_of, track
from spotify_assets_tests.readers.test_readers import only, read


def play(played_at, name="A", **more):
    """A play as the Web API tells it."""
    return {"played_at": played_at, "track": track(name), "context": {"type": "playlist"}} | more


def page(*plays):
    return {"items": list(plays), "next": None, "cursors": {"after": "1"}, "limit": 50}


def read_plays(*plays):
    source_format, rows = read(json.dumps(page(*plays)))
    assert source_format == "recently_played"
    return rows


def test_a_play():
    [row] = read_plays(play("2024-01-31T13:37:00.123Z"))
    told = ("ts", "ms_played", "track_uri", "track_name", "artist_name", "album_name", "raw_record")
    assert only([row], *told) == [
        ("2024-01-31T13:37:00.123Z", "200000", f"spotify:track:{id_of('A')}", "A", "Band", "Album", None)
    ]
    assert row["reported_at"] == datetime(2024, 1, 31, 13, 37, 0, 123_000, tzinfo=UTC)
    assert (row["reason_end"], row["platform"], row["shuffle"]) == (None, None, None)


PLAYS = [play("2024-01-31T13:37:00Z", "A"), play("2024-01-31T13:33:00Z", "B")]


@pytest.mark.parametrize(
    "document",
    [page(*PLAYS), [page(*PLAYS)], [page(PLAYS[0]), page(PLAYS[1])], PLAYS, [page(PLAYS[0]), page(), page(PLAYS[1])]],
)
def test_a_page_pages_or_plays(document):
    for text in (json.dumps(document), json.dumps(document, indent=2)):
        source_format, rows = read(text)
        assert (source_format, only(rows, "track_name")) == ("recently_played", [("A",), ("B",)])


@pytest.mark.parametrize("document", [page(), [], [page()], {"items": []}])
def test_a_page_without_plays_is_no_history(document):
    from spotify_assets.readers.errors import NoHistoryError

    with pytest.raises(NoHistoryError):
        read(json.dumps(document))


def test_a_play_is_as_long_as_its_track_but_no_longer_than_since_the_one_before():
    rows = read_plays(
        play("2024-01-31T13:41:00.500Z", "C"),
        play("2024-01-31T13:40:00Z", "B"),
        play("2024-01-31T13:30:00Z", "A"),
    )
    assert only(rows, "track_name", "ms_played") == [("C", "60500"), ("B", "200000"), ("A", "200000")]


def test_the_order_of_the_response_does_not_matter():
    plays = [play("2024-01-31T13:30:00Z"), play("2024-01-31T13:31:00Z"), play("2024-01-31T13:30:30Z")]
    assert only(read_plays(*plays), "ms_played") == [("200000",), ("30000",), ("30000",)]


def test_two_plays_at_the_same_time_are_measured_from_the_one_before_both():
    at = "2024-01-31T13:31:00Z"
    rows = read_plays(play(at, "A"), play(at, "B"), play("2024-01-31T13:30:00Z", "C"))
    assert only(rows, "ms_played") == [("60000",), ("60000",), ("200000",)]


@pytest.mark.parametrize("length", [None, -1, "200000", True, 1.5, 10**400])
def test_without_a_length_the_gap_tells_and_the_first_has_none(length):
    first, second = (play(f"2024-01-31T13:3{minute}:00Z", track=track(duration_ms=length)) for minute in (0, 1))
    assert only(read_plays(first, second), "ms_played") == [(None,), ("60000",)]


@pytest.mark.parametrize("payload", [None, 5, [], {}])
def test_a_play_without_its_track_keeps_its_time(payload):
    rows = read_plays(play("2024-01-31T13:30:00Z", track=payload), play("2024-01-31T13:31:00Z"))
    assert only(rows, "ts", "track_uri", "track_name", "ms_played") == [
        ("2024-01-31T13:30:00Z", None, None, None),
        ("2024-01-31T13:31:00Z", f"spotify:track:{id_of('A')}", "A", "60000"),
    ]


def test_a_single_is_by_its_own_artist():
    [row] = read_plays(play("2024-01-31T13:30:00Z", track=track("A", "Band", album=None)))
    assert (row["artist_name"], row["album_name"]) == ("Band", None)


def test_what_is_no_play_says_so():
    rows = read_plays(play("2024-01-31T13:30:00Z"), 5, None, "secret", {"a": "secret"})
    assert only(rows, "raw_record", "ts") == [
        (None, "2024-01-31T13:30:00Z"),
        ("no object: is no play", None),
        ("no object: is no play", None),
        ("no object: is no play", None),
        (None, None),
    ]
    assert "secret" not in json.dumps(rows, default=str)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_value_in_any_field_costs_that_play_only(value):
    plays = [play("2024-01-31T13:30:00Z", track=track("A") | {field: value}) for field in track()]
    plays += [play("2024-01-31T13:30:00Z") | {field: value} for field in ("played_at", "context")]
    rows = read_plays(*plays, play("2024-01-31T13:30:00Z", "B"))
    assert (len(rows), rows[-1]["track_name"]) == (len(plays) + 1, "B")
    assert [row["raw_record"] for row in rows] == [None] * len(rows)


@pytest.mark.parametrize(
    "played_at", ["2024-01-31T13:30:00Z", "2024-01-31T13:30:00.1Z", "1970-01-01T00:00:00.000001Z"]
)
def test_times_as_the_web_api_spells_them_need_no_second_reader(played_at, monkeypatch):
    by_duckdb = plays_table([play(played_at, "Björk"), play("2024-01-31T13:31:00.123456Z")])
    expected = RecordShaper("recently_played").from_columns(by_duckdb)
    monkeypatch.setattr(RecordShaper, "from_columns", None)
    found = RecordShaper("recently_played").from_clean_columns(by_duckdb)
    assert (found.schema, found.to_pylist()) == (expected.schema, expected.to_pylist())


@pytest.mark.parametrize(
    "played_at",
    [
        *("2024-02-30T13:30:00Z", "2024-01-31T24:00:00Z", "2024-01-31T13:30:60Z", "2024-01-31T13:61:00Z"),
        *("0000-01-31T13:30:00Z", "9999-01-31T13:30:00Z", "2024-01-31T13:30:00.1234567Z", "2024-01-31T13:30:00+02"),
        *(
            "2024-01-31 13:30",
            "1/31/2024 13:30",
            " 2024-01-31T13:30:00Z",
            "2024-01-31T13:30:00Z\n",
            "",
            "now",
            None,
            5,
        ),
    ],
)
def test_any_other_time_is_read_as_in_other_files(played_at):
    rows = plays_table([play(played_at), play("2024-01-31T13:31:00Z")])
    shaper = RecordShaper("recently_played")
    assert shaper.from_clean_columns(rows).equals(shaper.from_columns(rows))


def test_a_page_is_told_by_its_content_and_not_by_its_size(monkeypatch):
    text = json.dumps(page(*PLAYS), indent=2)
    expected = read(text)
    monkeypatch.setattr(reading_json, "PAGE_BYTES", len(text) - 1)
    assert read(text) == expected


def test_lines_that_mention_plays_of_the_web_api_stay_lines():
    lines = [extended("2024-01-31T13:37:00Z", played_at=1), extended("2024-01-31T13:38:00Z")]
    for records in (lines, lines[:1]):
        source_format, rows = read("\n".join(map(json.dumps, records)))
        assert (source_format, len(rows)) == ("extended", len(records))
    of_one_line = extended("2024-01-31T13:37:00Z") | page(*PLAYS)
    assert read(json.dumps(of_one_line))[0] == "extended"
