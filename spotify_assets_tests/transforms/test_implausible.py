"""Which plays can't have been heard as they are reported."""

from datetime import timedelta

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_judge import listed, record

NOON = utc("2024-03-01 12:00:00")
HOUR = "3600000"
HALF_MINUTE = timedelta(seconds=30)


def long(row, track, second=0, ms_played=HOUR, **more):
    at = utc(f"2024-03-01 12:00:{second:02d}")
    uri = f"spotify:track:{track * 22}"
    named = record(row, track_uri=uri, track_name=track, ms_played=ms_played)
    return named | {"reported_at": at, "played_at": at} | more


@pytest.fixture
def flagged(frame):
    """Rows that are flagged."""

    def judge(*records, files=(), window=None):
        plays = transforms.plays(
            *[frame("raw_plays", records), frame("raw_files", [listed(), *files])],
            settings=load_settings(),
            window=window,
        ).collect()
        return sorted(row["source_row"] for row in plays if row["is_implausible"])

    return judge


def test_three_long_plays_of_one_minute(flagged):
    burst = [long(0, "a"), long(1, "b", 30, "1800000"), long(2, "c", 59, "1.8E6")]
    music = long(3, "d", 40, "200000")
    assert flagged(*burst, music) == [0, 1, 2]
    assert flagged(*burst[:2], long(2, "c", 59, "1799999"), music) == []
    assert flagged(*burst[:2], long(2, "c") | {"reported_at": utc("2024-03-01 12:01:00")}) == []
    assert flagged(*burst[:2], long(2, "c", listener="ben")) == []


def test_what_is_told_twice_counts_once(flagged):
    again = [long(0, "a"), long(1, "a"), long(2, "b"), long(3, "b")]
    assert flagged(*again) == []
    assert flagged(*again, long(4, "c")) == [0, 2, 4]


def test_what_breaks_a_rule_does_not_count(flagged):
    nameless = long(2, "c", track_name=None, artist_name=None) | {"track_uri": None}
    assert flagged(long(0, "a"), long(1, "b"), nameless, long(3, "d", ms_played="90000000")) == []


def test_sources_are_counted_by_themselves(flagged):
    """What a coarser source tells is no further play."""
    finer = [long(0, "a"), long(1, "b", 20)]
    told = {"source_file": "account", "source_format": "account_data"}
    coarse = [long(row, name, ms_played=f"360000{row}", **told) for row, name in enumerate("bcde", 2)]
    files = [listed("account", "account_data")]
    assert flagged(*finer, *coarse[:2], files=files) == []
    assert flagged(*finer, *coarse, files=files) == [4, 5]


def test_plays_that_are_placed_earlier_were_only_reported_together(flagged):
    burst = [long(0, "a"), long(1, "b"), long(2, "c")]
    placed = long(3, "d") | {"played_at": utc("2024-02-20 12:00:00")}
    assert flagged(*burst[:2], placed) == []
    assert flagged(*burst, placed) == [0, 1, 2]


def test_a_month_by_itself_tells_the_same(flagged):
    burst = [long(row, name) for row, name in enumerate("abc")]
    assert flagged(*burst, window=TimeWindow(utc("2024-03-01 00:00:00"), utc("2024-04-01 00:00:00"))) == [0, 1, 2]


@pytest.mark.parametrize("minutes", [60, 101])
def test_bursts_in_many_minutes(flagged, minutes):
    """Up to 100 minutes are conditions of the query."""
    records = []
    for minute in range(minutes):
        at = NOON + timedelta(minutes=minute)
        for number, track in enumerate("abc"):
            records.append(long(3 * minute + number, track) | {"reported_at": at, "played_at": at})
    alone = long(len(records), "d") | {"reported_at": NOON - HALF_MINUTE, "played_at": NOON - HALF_MINUTE}
    assert flagged(*records, alone) == [*range(3 * minutes)]
