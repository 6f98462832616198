"""Discoveries and their cohorts, of a few plays."""

from datetime import date

import pytest

from spotify_assets_tests.transforms.test_metrics import partials, played

__all__ = ["partials"]  # a fixture

PLAYS = (
    played("2024-01-31 12:00:00", "a", "Band", reason_start="clickrow", platform="ios"),
    # The same recording within a week, a month and a year.
    played("2024-02-06 12:00:00", "a", "Band"),
    played("2024-02-07 12:00:00", "a", "Band"),
    played("2024-02-29 12:00:00", "a", "Band"),
    *[played(f"2025-01-{day} 12:00:00", "a", "Band") for day in ("28", "29", "30", "31")],
    played("2024-02-01 12:00:00", "b", "Band", shuffle=True),
    played("2024-02-01 13:00:00", "c", None, reason_start="unknown"),
)


@pytest.fixture
def computed_of(partials, computed):
    def compute(table, rows=PLAYS):
        found = partials(rows)
        metrics = {name: computed(name, **found) for name in ("track_metrics", "artist_metrics")}
        discovered = computed("discoveries", **found, **metrics)
        if table == "discovery_cohorts":
            discovered = computed(table, **found, discoveries=discovered)
        return discovered.collect()

    return compute


def test_discoveries_tell_how_they_began_and_what_became_of_them(computed_of):
    columns = ("entity_type", "name", "artist_name", "discovered_on", "started_by", "platform", "became_regular")
    days = [f"plays_in_{number}_days" for number in (7, 30, 90, 365)]
    found = {tuple(row[name] for name in columns): [row[name] for name in days] for row in computed_of("discoveries")}
    last, first = date(2024, 1, 31), date(2024, 2, 1)
    assert found == {
        ("track", "a", "Band", last, "deliberate", "ios", False): [2, 4, 4, 6],
        ("track", "b", "Band", first, "shuffle", "android", False): [1, 1, 1, 1],
        ("track", "c", "unknown", first, "unknown", "android", False): [1, 1, 1, 1],
        ("artist", "Band", "Band", last, "deliberate", "ios", False): [3, 5, 5, 7],
    }


def test_ten_plays_make_a_regular(computed_of):
    rows = [played(f"2024-01-01 12:{minute}:00", "a") for minute in range(10, 20)]
    assert [row["became_regular"] for row in computed_of("discoveries", rows)] == [True, True]


def test_cohorts_count_what_is_still_played(computed_of):
    found = computed_of("discovery_cohorts")
    january, february = date(2024, 1, 1), date(2024, 2, 1)
    cohorts = {(row["entity_type"], row["cohort_month"], row["months_since"]): row for row in found}
    # Up to the month of the last play, also where nothing is played.
    assert len(cohorts) == len(found) == 13 + 13 + 12
    columns = ("entities", "still_played", "plays", "ms_played")
    for key, expected in {
        ("track", january, 0): (1, 1, 1, 200_000),
        ("track", january, 1): (1, 1, 3, 600_000),
        ("track", january, 2): (1, 0, 0, 0),
        ("track", january, 12): (1, 1, 4, 800_000),
        ("artist", january, 1): (1, 1, 4, 800_000),
        ("track", february, 0): (2, 2, 2, 400_000),
        ("track", february, 11): (2, 0, 0, 0),
    }.items():
        assert tuple(cohorts[key][name] for name in columns) == expected, key


def test_cohorts_end_after_36_months(computed_of):
    rows = [played("2020-01-15 12:00:00", "a"), played("2023-01-15 12:00:00", "a"), played("2024-06-15 12:00:00", "a")]
    found = [row for row in computed_of("discovery_cohorts", rows) if row["entity_type"] == "track"]
    assert sorted(row["months_since"] for row in found) == list(range(37))
    assert sum(row["plays"] for row in found) == 2
