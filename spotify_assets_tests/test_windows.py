from datetime import UTC, datetime

import pytest

from spotify_assets.defs.partitions import play_partitions
from spotify_assets.model import PLAYS
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow, floor_to_grain, windows


@pytest.mark.parametrize("grain", ["daily", "weekly", "monthly"])
def test_windows_are_those_of_dagster(grain):
    settings = load_settings(plays_grain=grain, plays_start=datetime(2023, 11, 15, tzinfo=UTC))
    partitions = play_partitions(settings)
    of_plays = windows(PLAYS, settings)
    assert list(of_plays) == list(partitions.get_partition_keys())
    for key in [*list(of_plays)[:3], *list(of_plays)[-3:]]:
        window = partitions.time_window_for_partition_key(key)
        assert (of_plays[key].start, of_plays[key].end) == (window.start, window.end)


@pytest.mark.parametrize(
    ("grain", "start"), [("daily", "2024-02-29"), ("weekly", "2024-02-26"), ("monthly", "2024-02-01")]
)
def test_floor(grain, start):
    moment = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert f"{floor_to_grain(moment, grain):%Y-%m-%d}" == start


@pytest.mark.parametrize("day", [datetime(2024, 1, 31, 23, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)])
@pytest.mark.parametrize("grain", ["daily", "weekly", "monthly"])
def test_tomorrow_is_in_a_partition(grain, day):
    last = list(windows(PLAYS, load_settings(plays_grain=grain), now=day).values())[-1]
    assert last.end.timestamp() > day.timestamp() + 86_400


def test_an_interval_meets_the_windows_of_its_ends():
    january = TimeWindow(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    first = datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert january.meets(first, datetime(2024, 6, 1, tzinfo=UTC))
    assert january.meets(january.start, january.start)
    assert not january.meets(january.end, january.end)
    assert not january.meets(None, None)
