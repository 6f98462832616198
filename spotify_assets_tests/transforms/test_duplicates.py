"""Which records repeat another one; random histories are in `test_random_histories.py`."""

from datetime import timedelta

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_judge import listed, record

ENDED = utc("2024-03-01 12:00:00")
BEGAN = ENDED - timedelta(seconds=200)
HOUR = timedelta(hours=1)


def logged(row, reported_at, played_at=None, offline_at=BEGAN, **more):
    times = {"reported_at": reported_at, "played_at": played_at or reported_at, "offline_at": offline_at}
    return record(row) | times | more


@pytest.fixture
def repeated(frame):
    """Rows that are duplicates."""

    def judge(*records):
        rejected = transforms.rejected_plays(
            frame("raw_plays", records), frame("raw_files", [listed()]), settings=load_settings()
        ).collect()
        return sorted(row["source_row"] for row in rejected if row["reason"] == "duplicate")

    return judge


def test_one_play_logged_twice(repeated):
    assert repeated(logged(0, ENDED), logged(1, ENDED + timedelta(seconds=3))) == [1]
    assert repeated(logged(0, ENDED), logged(1, ENDED + 5 * HOUR)) == [1]


def test_one_play_logged_in_time_and_late(repeated):
    assert repeated(logged(0, ENDED + 200 * HOUR, ENDED), logged(1, ENDED, offline_at=None)) == [1]


def test_late_plays_that_were_reported_together(repeated):
    late = logged(0, ENDED + 200 * HOUR, ENDED), logged(1, ENDED + 200 * HOUR, offline_at=None)
    assert repeated(*late) == [1]
    earlier = logged(1, ENDED + 200 * HOUR, ENDED - HOUR, offline_at=BEGAN - HOUR)
    assert repeated(late[0], earlier) == [1]


def test_what_was_played_when_another_was_reported_is_another_play(repeated):
    """The same song, at the same length, offline twice: the second ended when the first was reported."""
    later = ENDED + 5 * HOUR
    first = logged(0, later, ENDED)
    second = logged(1, later + 7 * HOUR, later, offline_at=BEGAN + 5 * HOUR)
    assert repeated(first, second) == []
    assert repeated(first, second, logged(2, later, offline_at=None)) == [1, 2]


def test_what_equals_a_third_is_equal(repeated):
    without_start = logged(0, ENDED, offline_at=None)
    another = logged(1, ENDED + HOUR, offline_at=None)
    between = logged(2, ENDED), logged(3, ENDED + HOUR)
    assert repeated(without_start, another) == []
    assert repeated(without_start, another, *between) == [1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [{"ms_played": "200001"}, {"track_uri": "spotify:track:3J3n32GeLmMjwuAzyhcSNe"}, {"offline_at": BEGAN + HOUR}],
)
def test_what_differs_in_length_content_or_start_is_another_play(repeated, other):
    assert repeated(logged(0, ENDED), logged(1, ENDED + HOUR) | other) == []


def test_a_start_of_days_ago_tells_nothing(repeated):
    """A clock that stood still: judged with different months, such records wouldn't see each other."""
    assert repeated(logged(0, ENDED + 40 * HOUR), logged(1, ENDED + 900 * HOUR)) == []
