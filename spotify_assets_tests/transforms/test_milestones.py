"""Streaks, milestones and records of a few days."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc


def day(month_and_day, year=2024):
    return date.fromisoformat(f"{year}-{month_and_day}")


def on(date_, plays=1, listener="anna", **more):
    """A row of `daily_listening`."""
    ms = plays * 100_000
    row = {"listener": listener, "date": date_, "plays": plays, "ms_played": ms, "artists": 1, "tracks": 1}
    return row | {"implausible_plays": 0, "implausible_ms_played": 0} | more


def heard(date_, artist=1, **more):
    """A row of `daily_track_plays`."""
    row = {"listener": "anna", "date": date_, "recording_key": artist, "artist_key": artist}
    return row | {"plays": 1, "implausible_plays": 0} | more


@pytest.fixture
def rows_of(computed, frame):
    def compute(table, **inputs):
        found = computed(table, **{name: frame(name, rows) for name, rows in inputs.items()}).collect()
        return [row.asDict() for row in found]

    return compute


def test_streaks_are_of_three_days_or_more(rows_of):
    leap = [day("02-28"), day("02-29"), day("03-01")]
    year_end = [day("12-30", 2022), day("12-31", 2022), day("01-01", 2023), day("01-02", 2023)]
    ten_years = [day("01-01", 2010) + timedelta(number) for number in range(3653)]
    found = rows_of(
        "listening_streaks",
        daily_listening=[
            *map(on, [*leap, *year_end, day("03-03"), day("03-04")]),
            on(day("03-02"), 2, implausible_plays=2),
            *[on(date_, listener="ben") for date_ in ten_years],
        ],
        daily_track_plays=[
            *[heard(date_) for date_ in leap],
            *[heard(date_, artist) for date_ in leap[:2] for artist in (2, -1)],
            heard(leap[2], -1),
            # Another name of the artist, and a second recording.
            heard(day("03-02"), 3),
            heard(leap[0], recording_key=9),
        ],
        dim_artist=[
            {"artist_key": key, "canonical_artist_key": canonical, "artist_name": f"Band {key}"}
            for key, canonical in ((1, 1), (2, 2), (3, 1), (-2, -2))
        ],
    )
    columns = ("listener", "entity_type", "entity_key", "artist_name", "start", "end", "days")
    assert sorted(tuple(row[name] for name in columns) for row in found) == [
        ("anna", "any", -2, None, day("12-30", 2022), day("01-02", 2023), 4),
        ("anna", "any", -2, None, day("02-28"), day("03-01"), 3),
        ("anna", "artist", 1, "Band 1", day("02-28"), day("03-02"), 4),
        ("ben", "any", -2, None, ten_years[0], ten_years[-1], 3653),
    ]


def test_milestones_are_dated_by_the_day_that_reached_them(rows_of):
    hour = 3_600_000
    artists = [
        {"listener": "anna", "entity_type": "artist", "entity_key": key, "discovered_on": day("01-02")}
        for key in range(100)
    ]
    found = rows_of(
        "milestones",
        daily_listening=[
            on(day("01-01"), 999, ms_played=999 * hour),
            on(day("01-02"), 1, ms_played=hour - 1),
            on(day("01-03"), 39_000, ms_played=1),
            on(day("01-01"), 1, listener="ben"),
        ],
        discoveries=[*artists, {"listener": "anna", "entity_type": "track", "entity_key": 5}],
        artist_metrics=[{"listener": "anna", "artist_key": key, "total_plays": key} for key in range(5)],
    )
    assert sorted((row["listener"], row["kind"], row["value"], row["reached_on"]) for row in found) == [
        ("anna", "artist_cutover", 2, None),
        ("anna", "artists", 100, day("01-02")),
        ("anna", "eddington", 2, None),
        ("anna", "hours", 1_000, day("01-03")),
        ("anna", "plays", 1, day("01-01")),
        ("anna", "plays", 1_000, day("01-02")),
        ("anna", "plays", 5_000, day("01-03")),
        ("anna", "plays", 10_000, day("01-03")),
        ("anna", "plays", 20_000, day("01-03")),
        ("anna", "plays", 30_000, day("01-03")),
        ("anna", "plays", 40_000, day("01-03")),
        ("ben", "eddington", 1, None),
        ("ben", "plays", 1, day("01-01")),
    ]
    assert [row["artist_key"] for row in found if row["kind"] == "artists"] == [99]


def test_records_are_the_first_of_several(rows_of):
    def entity(key, plays, **more):
        days = {"best_day": day("01-02"), "best_day_plays": plays, "peak_7_days_end": day("01-04")}
        return {"listener": "anna", "artist_name": f"Band {key}", "longest_gap_days": 0} | days | more

    found = rows_of(
        "records",
        daily_listening=[
            on(day("01-01"), 5, artists=3),
            on(day("01-02"), 9, implausible_plays=4, implausible_ms_played=800_000),
            on(day("01-31"), 2, tracks=2),
            on(day("03-01"), 1),
            on(day("03-15"), 1, implausible_plays=1),
        ],
        listening_sessions=[
            {"listener": "anna", "date": day("01-01"), "ms_played": 100},
            {"listener": "anna", "date": day("01-02"), "ms_played": 300},
        ],
        listening_streaks=[
            {"listener": "anna", "entity_type": "any", "start": day("02-01"), "days": 3},
            {"listener": "anna", "entity_type": "any", "start": day("01-01"), "days": 3},
            {"listener": "anna", "entity_type": "artist", "start": day("01-01"), "days": 9},
        ],
        track_metrics=[
            entity(2, 7, recording_key=2, track_name="b", peak_7_days_plays=9),
            entity(1, 7, recording_key=1, track_name="a", peak_7_days_plays=8, longest_gap_days=200),
        ],
        artist_metrics=[
            entity(1, 8, artist_key=1, longest_streak_days=2, skips_known=49, skip_rate=0.9),
            entity(2, 7, artist_key=2, longest_streak_days=4, skips_known=50, skip_rate=0.5),
        ],
    )
    columns = ("record_value", "unit", "happened_on", "name", "artist_name")
    assert {row["record"]: tuple(row[name] for name in columns) for row in found} == {
        "most_plays_in_a_day": (5, "plays", day("01-01"), None, None),
        "most_time_in_a_day": (500_000, "ms", day("01-01"), None, None),
        "most_artists_in_a_day": (3, "artists", day("01-01"), None, None),
        "most_tracks_in_a_day": (2, "tracks", day("01-31"), None, None),
        "longest_gap": (29, "days", day("02-01"), None, None),
        "longest_streak": (3, "days", day("01-01"), None, None),
        "longest_session": (300, "ms", day("01-02"), None, None),
        "most_plays_of_a_track_in_a_day": (7, "plays", day("01-02"), "a", "Band 1"),
        "most_plays_of_a_track_in_a_week": (9, "plays", day("01-04"), "b", "Band 2"),
        "longest_return_of_a_track": (200, "days", None, "a", "Band 1"),
        "most_plays_of_an_artist_in_a_day": (8, "plays", day("01-02"), None, "Band 1"),
        "longest_streak_of_an_artist": (4, "days", None, None, "Band 2"),
        "most_skipped_artist": (0.5, "share", None, None, "Band 2"),
    }


@pytest.mark.parametrize(
    ("starts", "earliest", "latest"),
    [
        # Stockholm is an hour ahead in January: from 5:00 on is morning, up to 4:59 is night.
        (["01-02 04:00", "01-03 03:59"], (5 * 60, day("01-02")), (4 * 60 + 59, day("01-03"))),
        (["01-02 06:30", "01-02 20:00", "01-03 00:15"], (7 * 60 + 30, day("01-02")), (60 + 15, day("01-03"))),
        # In summer, two hours; of equal ones the first.
        (["07-02 09:00", "07-01 09:00"], (11 * 60, day("07-01")), (11 * 60, day("07-01"))),
        (["01-02 22:59:59"], (23 * 60 + 59, day("01-02")), (23 * 60 + 59, day("01-02"))),
    ],
)
def test_earliest_and_latest_start_are_of_a_day_that_ends_at_five(computed, frame, starts, earliest, latest):
    settings = load_settings(timezones={"anna": "Europe/Stockholm"})
    sessions = [
        {
            "listener": "anna",
            "session_start": utc(f"2024-{start}"),
            "date": utc(f"2024-{start}").astimezone(ZoneInfo("Europe/Stockholm")).date(),
            "ms_played": 100,
        }
        for start in starts
    ]
    rows = computed("records", listening_sessions=frame("listening_sessions", sessions), settings=settings).collect()
    found = {row["record"]: row for row in rows}
    assert {row["unit"] for name, row in found.items() if name.endswith("_start")} == {"minutes"}
    assert (found["earliest_start"]["record_value"], found["earliest_start"]["happened_on"]) == earliest
    assert (found["latest_start"]["record_value"], found["latest_start"]["happened_on"]) == latest


@pytest.mark.parametrize("table", ["listening_streaks", "milestones", "records"])
def test_without_plays_there_is_none(computed, table):
    assert computed(table).count() == 0
