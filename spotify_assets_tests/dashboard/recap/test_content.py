"""What a recap tells: of a year the row of its table, of other days what follows from their plays."""

from dataclasses import replace
from datetime import date

import duckdb
import pytest

from spotify_assets.dashboard.filters import RANGE, Filters
from spotify_assets.dashboard.recap.content import read_recap, usual_year
from spotify_assets.dashboard.warehouse import listeners_in
from spotify_assets_tests.dashboard.warehouses import FORMULA, HOSTILE, RECAP_OF_2024, play, write_warehouse


def test_a_year_is_the_row_of_the_table(of_year):
    recap = of_year(2024)
    assert recap.year == 2024
    assert {name: recap.row[name] for name in RECAP_OF_2024} == RECAP_OF_2024


def test_other_days_are_summed_up_from_plays(of_days):
    # The year without its last day: the same plays, by another way.
    row = of_days("2024-01-01", "2024-12-30").row
    same = ["plays", "ms_played", "tracks", "artists", "albums", "active_days", "skip_rate", "shuffle_share"]
    same += ["biggest_day", "biggest_day_ms_played", "longest_streak_days", "longest_streak_start"]
    same += ["top_month", "top_month_ms_played", "top_platform_family", "top_platform_family_share"]
    same += ["ours_artists", "ours_artists_plays", "ours_artists_ms_played"]
    same += ["ours_tracks", "ours_tracks_by", "ours_tracks_plays", "ours_tracks_ms_played", "ours_albums"]
    assert {name: row[name] for name in same} == {name: RECAP_OF_2024[name] for name in same}
    assert "wrapped_plays" not in row
    assert "listening_age" not in row


def test_short_plays_and_private_sessions_can_be_left_out(of_days):
    recap = of_days("2024-01-01", "2024-12-31", minimum=30, no_incognito=True)
    # 300 s and 400 s of music, and the podcast.
    assert recap.year is None
    assert (recap.row["plays"], recap.row["ms_played"]) == (3, 4_300_000)
    assert [(top["name"], top["by"], top["plays"], top["ms_played"]) for top in recap.tops("track")] == [
        (FORMULA, HOSTILE, 1, 400_000),
        ("Étude", "Band", 1, 300_000),
    ]
    assert "sessions" not in recap.row


def test_nothing_was_heard(of_year, of_days):
    assert of_year(2022) is None
    assert of_days("2024-01-10", "2024-01-20") is None


def test_months_and_days_without_plays_are_there(of_year, of_days):
    months = of_year(2024).steps
    assert [(step["start"].month, round(step["hours"] * 3600), step["plays"]) for step in months][:4] == [
        (1, 4_100, 4),
        (2, 0, 0),
        (3, 400, 1),
        (4, 0, 0),
    ]
    assert len(months) == 12
    days = of_days("2024-01-04", "2024-01-07").steps
    assert [(step["start"].day, round(step["hours"] * 3600)) for step in days] == [(4, 0), (5, 180), (6, 3600), (7, 0)]


def test_the_clock_has_the_time_of_the_days(of_year):
    # Monday 8 h: 320 s; Friday 21 h: 180 s; Saturday 10 h: 3600 s; Friday 20 h: 400 s.
    assert [(row["weekday"], row["hour"], round(row["hours"] * 3600)) for row in of_year(2024).clock] == [
        (1, 8, 320),
        (5, 20, 400),
        (5, 21, 180),
        (6, 10, 3600),
    ]


def test_the_skyline_has_the_largest_span_as_one(of_days):
    # Four days: 320, 0, 0, 0 s; then 180, 3600 s.
    assert of_days("2024-01-01", "2024-01-06").skyline(3) == [320 / 3780, 0, 1]
    assert len(of_days("2024-01-05", "2024-01-06").skyline(50)) == 2


@pytest.mark.parametrize(
    ("last", "year"),
    [
        (date(2024, 12, 1), 2024),
        (date(2024, 11, 30), 2023),
    ],
)
def test_the_usual_year_is_over_or_nearly(last, year):
    years = [{"year": 2023, "is_complete": True}, {"year": 2024, "is_complete": False}]
    assert usual_year(years, last) == year


def test_the_usual_year_of_a_first_summer_is_that_year():
    assert usual_year([{"year": 2024, "is_complete": False}], date(2024, 6, 1)) == 2024
    assert usual_year([], date(2024, 6, 1)) is None


def test_the_obsession_of_days_is_the_week_with_most_plays_of_a_track(tmp_path):
    plays = [
        *(play(f"2024-01-{day:02} 08:00:00", 300) for day in (1, 7)),  # Monday and Sunday of a week
        *(play(f"2024-01-{day:02} 09:00:00", 20, recording=12) for day in (6, 8, 9, 14)),  # once in it, then thrice
    ]
    with duckdb.connect(str(write_warehouse(tmp_path / "w.duckdb", plays))) as connection:
        filters = Filters.parse({}, listeners_in(connection), "anna")

        def obsession(last, **more):
            days = replace(filters, period=RANGE, start=date(2024, 1, 1), end=date(2024, 1, last), **more)
            row = read_recap(lambda query: query.run(connection), days).row
            return [row.get(f"obsessive_week_{name}") for name in ("start", "track", "artist", "plays")]

        assert obsession(14) == [date(2024, 1, 8), HOSTILE, "Band", 3]
        assert obsession(14, minimum=30) == [date(2024, 1, 1), "Étude", "Band", 2]
        assert obsession(9) == [date(2024, 1, 1), "Étude", "Band", 2]  # two of each: the first week
        assert obsession(6) == [None] * 4  # no whole week
