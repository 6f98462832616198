"""Periods and gaps of days that a person can count."""

from datetime import date, timedelta

import pytest

from spotify_assets_tests.conftest import utc


def day(text):
    return date.fromisoformat(text)


def days_of(first, count, step=1):
    """So many days from the first, each `step` days after the one before."""
    return [day(first) + timedelta(days=step * number) for number in range(count)]


@pytest.fixture
def gaps(computed, frame):
    """Rows of `coverage_gaps` by listener and start: each day with a play, of which a file of that month tells."""

    def compute(**listeners):
        days = [(name, one) for name, dates in listeners.items() for one in dates]
        plays = [
            {
                "listener": name,
                "local_date": one,
                "played_at": utc(f"{one} {hour}:00:00"),
                "source_file": f"{file}.json",
            }
            for name, one in days
            for hour, file in ((11, f"a {one:%m}"), (12, f"b {one:%m}"))
        ]
        found = computed(
            "coverage_gaps",
            daily_listening=frame("daily_listening", [{"listener": name, "date": one} for name, one in days]),
            plays=frame("plays", plays),
        ).collect()
        return sorted((row.asDict() for row in found), key=lambda row: (row["listener"], row["gap_start"]))

    return compute


def test_a_gap_is_suspicious_where_the_days_before_lead_one_to_expect_plays(gaps):
    rows = gaps(
        # Every day of 45, then 14 days without: 45 of 90 days lead one to expect 7 of 14.
        anna=[*days_of("2024-01-01", 45), day("2024-02-29")],
        # A day fewer, and 14 days without; then the 15th of February is 13 days after, so no gap.
        ben=[*days_of("2024-01-01", 44), day("2024-02-28"), day("2024-03-13")],
        # Only days within 90 count: every second day from October, of which 45 lie within.
        chloe=[*days_of("2023-10-01", 60, step=2), day("2024-02-12")],
        dev=[day("2024-01-01")],
    )
    figures = (
        "listener",
        "gap_start",
        "gap_end",
        "days",
        "active_days_before",
        "expected_active_days",
        "is_suspicious",
    )
    assert [tuple(str(row[name]) for name in figures) for row in rows] == [
        ("anna", "2024-02-15", "2024-02-28", "14", "45", "7.0", "True"),
        ("ben", "2024-02-14", "2024-02-27", "14", "44", "6.844444", "False"),
        ("chloe", "2024-01-28", "2024-02-11", "15", "45", "7.5", "True"),
    ]


def test_a_gap_lies_between_the_files_of_the_plays_beside_it(gaps):
    [row] = gaps(anna=[day("2024-01-10"), day("2025-01-01")])
    assert (row["days"], row["source_before"], row["source_after"]) == (356, "b 01.json", "a 01.json")
    assert gaps(anna=days_of("2024-01-01", 3, step=14)) == []
