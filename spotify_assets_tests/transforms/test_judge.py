"""The rules in their order, on records as landed."""

from datetime import UTC, datetime

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow
from spotify_assets_tests.conftest import LANDED_AT, utc

FILE = "history/anna/x.json"
NOON = "2024-01-31 12:00:00"


def record(row=0, played_at=NOON, **more):
    """A record of an extended history that breaks no rule."""
    return {
        "listener": "anna",
        "source_file": FILE,
        "source_row": row,
        "source_format": "extended",
        "landed_at": LANDED_AT,
        "reported_at": utc(played_at) if played_at else None,
        "played_at": utc(played_at) if played_at else None,
        "ts": played_at,
        "ms_played": "200000",
        "track_uri": "spotify:track:2J3n32GeLmMjwuAzyhcSNe",
        "track_name": "Song",
        "artist_name": "Band",
    } | more


def listed(
    source_file=FILE, source_format="extended", first="2024-01-01 00:00:00", last="2024-12-31 00:00:00", **more
):
    """A file in the register."""
    return {
        "listener": "anna",
        "source_file": source_file,
        "landed_file": source_file,
        "status": "read",
        "source_format": source_format,
        "is_minute_precise": source_format == "account_data",
        "first_reported_at": utc(first),
        "last_reported_at": utc(last),
        "first_played_at": utc(first),
        "last_played_at": utc(last),
        "records": 1,
        "undated_records": 0,
    } | more


@pytest.fixture
def reasons(frame):
    """Reason by row of the first file (and `<file>:<row>` of others), None where it is kept."""

    def judge(records, files=(), **overrides):
        raw_plays = frame("raw_plays", records)
        raw_files = frame("raw_files", [listed(), *files])
        settings = load_settings(**overrides)
        kept = transforms.plays(raw_plays, raw_files, settings=settings).collect()
        rejected = transforms.rejected_plays(raw_plays, raw_files, settings=settings).collect()
        assert len(kept) + len(rejected) == len(records)
        return {named(row): None for row in kept} | {named(row): row["reason"] for row in rejected}

    def named(row):
        source_file, source_row = row["source_file"], row["source_row"]
        return source_row if source_file == FILE else f"{source_file}:{source_row}"

    return judge


def test_a_good_record_is_kept(reasons):
    assert reasons([record()]) == {0: None}


def test_reasons_of_the_record_alone(reasons):
    cases = [
        ({"raw_record": "number, 1 characters: is no object"}, "unreadable"),
        ({"reported_at": None}, "bad_timestamp"),
        ({"reported_at": utc("2023-12-31 23:59:59")}, "bad_timestamp"),
        ({"reported_at": utc("2025-06-01 00:00:00")}, "bad_timestamp"),
        ({"track_uri": None, "track_name": None}, "no_content"),
        ({"track_uri": "spotify:local:Band:Album:Song:200", "track_name": " \t\u00a0"}, "no_content"),
        ({"ms_played": None}, "bad_duration"),
        ({"ms_played": "long"}, "bad_duration"),
        ({"ms_played": "-1"}, "bad_duration"),
        ({"ms_played": "60000.5"}, "bad_duration"),
        ({"ms_played": "NaN"}, "bad_duration"),
        ({"ms_played": "1d"}, "bad_duration"),
        ({"ms_played": "86400001"}, "bad_duration"),
        ({"ms_played": "99999999999999999999"}, "bad_duration"),
        ({"ms_played": "499"}, "too_short"),
        ({"ms_played": "0"}, "too_short"),
        ({"ms_played": "500"}, None),
        ({"ms_played": "60000.0"}, None),
        ({"ms_played": "200,000"}, None),
        ({"ms_played": "20,0000"}, "bad_duration"),
        ({"ms_played": "0,200"}, "bad_duration"),
        ({"ms_played": "2.0E5"}, None),
        ({"ms_played": "1.85344e+05"}, None),
        ({"ms_played": "1.5E0"}, "bad_duration"),
        ({"ms_played": "1E9"}, "bad_duration"),
        ({"ms_played": " 60000 "}, None),
        ({"ms_played": "\x0060000.0\n"}, None),
        ({"ms_played": "86400000"}, None),
        ({"track_uri": None}, None),
        ({"track_name": None, "artist_name": None}, None),
    ]
    # At a minute of its own, each is no duplicate of another.
    records = [record(row, f"2024-01-31 12:{row:02d}:00") | broken for row, (broken, _) in enumerate(cases)]
    found = reasons(records)
    assert [(broken, found[row]) for row, (broken, _) in enumerate(cases)] == cases


def test_the_first_rule_that_is_broken_is_the_reason(reasons):
    broken = [
        {"raw_record": "x", "reported_at": None, "track_uri": None, "track_name": None, "ms_played": None},
        {"reported_at": None, "track_uri": None, "track_name": None, "ms_played": None},
        {"track_uri": None, "track_name": None, "ms_played": None},
    ]
    found = reasons([record(row) | fields for row, fields in enumerate(broken)])
    assert found == {0: "unreadable", 1: "bad_timestamp", 2: "no_content"}


def test_how_short_is_too_short_is_a_setting(reasons):
    assert reasons([record(ms_played="20000")], min_ms_played=30_000) == {0: "too_short"}


def test_a_repeated_record_is_kept_once_the_first_by_file_and_row(reasons):
    other = record(0, source_file="history/anna/a.json")
    found = reasons([record(3), record(1), other], [listed("history/anna/a.json")])
    assert found == {3: "duplicate", 1: "duplicate", "history/anna/a.json:0": None}


@pytest.mark.parametrize(
    "other",
    [
        {"reported_at": utc("2024-01-31 12:00:01"), "played_at": utc("2024-01-31 12:00:01")},
        {"ms_played": "200001"},
        {"track_uri": "spotify:track:3J3n32GeLmMjwuAzyhcSNe"},
    ],
)
def test_what_differs_in_time_content_or_length_is_no_duplicate(reasons, other):
    assert reasons([record(0), record(1) | other]) == {0: None, 1: None}


def test_two_listeners_share_no_records(reasons):
    ben = record(0, listener="ben", source_file="history/ben/x.json")
    assert reasons([record(0), ben], [listed("history/ben/x.json", listener="ben")]) == {
        0: None,
        "history/ben/x.json:0": None,
    }


def test_a_rejected_record_makes_no_duplicate(reasons):
    assert reasons([record(0, ms_played="10"), record(1, ms_played="10")]) == {0: "too_short", 1: "too_short"}


ACCOUNT = "history/anna/StreamingHistory0.json"


@pytest.mark.parametrize("source_format", ["recently_played", "lastfm", "listenbrainz"])
def test_plays_of_estimated_length_repeat_each_other_whatever_it_is(frame, source_format):
    recent = [
        record(row, source_format=source_format, source_file=ACCOUNT, ms_played=ms_played)
        for row, ms_played in enumerate(("200000", "150000"))
    ]
    raw_files = frame("raw_files", [listed(ACCOUNT, source_format)])
    kept = transforms.plays(frame("raw_plays", recent), raw_files, settings=load_settings()).collect()
    assert [(row["source_row"], row["ms_played_is_estimated"]) for row in kept] == [(0, True)]


@pytest.mark.parametrize(("is_first", "expected"), [(False, [1, 2]), (True, [0, 1, 2, 4])])
def test_a_window_has_the_records_of_its_time_and_the_first_those_without(frame, is_first, expected):
    """Row 4 has no time, and that of row 0, before the first of its file, counts as none."""
    times = ["2023-12-31 23:59:59", "2024-01-01 00:00:00", "2024-01-31 23:59:59", "2024-02-01 00:00:00", None]
    raw_plays = frame("raw_plays", [record(row, time) for row, time in enumerate(times)])
    raw_files = frame("raw_files", [listed(first="2024-01-01 00:00:00", undated_records=1)])
    january = TimeWindow(utc("2024-01-01 00:00:00"), utc("2024-02-01 00:00:00"), is_first)
    settings = load_settings(plays_start="2024-01-01")
    found = [
        row["source_row"]
        for transform in (transforms.plays, transforms.rejected_plays)
        for row in transform(raw_plays, raw_files, settings=settings, window=january).collect()
    ]
    assert sorted(found) == expected


def test_records_of_files_that_are_not_listed_are_left_out(frame):
    raw_plays = frame("raw_plays", [record(source_file="history/anna/unlisted.json")])
    raw_files = frame("raw_files", [listed()])
    assert transforms.plays(raw_plays, raw_files, settings=load_settings()).count() == 0
    assert transforms.rejected_plays(raw_plays, raw_files, settings=load_settings()).count() == 0


def test_a_rejected_record_keeps_its_raw_fields_and_goes_to_its_time_or_to_the_start(frame):
    records = [record(0, ms_played="10", track_name=" Song "), record(1) | {"reported_at": None, "ts": "soon"}]
    rows = transforms.rejected_plays(
        frame("raw_plays", records), frame("raw_files", [listed()]), settings=load_settings()
    ).collect()
    found = {row["source_row"]: (row["window_at"], row["ts"], row["track_name"]) for row in rows}
    assert found == {
        0: (datetime(2024, 1, 31, 12, tzinfo=UTC).replace(tzinfo=None), NOON, " Song "),
        1: (datetime(2008, 10, 1, tzinfo=UTC).replace(tzinfo=None), "soon", "Song"),
    }
