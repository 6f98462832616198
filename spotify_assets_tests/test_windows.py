from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spotify_assets.defs.partitions import play_partitions
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow, floor_to_grain, span_of, window_predicate, windows, windows_of


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


FEBRUARY = TimeWindow(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("table", "is_first", "sql"),
    [
        (
            "plays",
            False,
            "played_at >= TIMESTAMP '2024-02-01 00:00:00' AND played_at < TIMESTAMP '2024-03-01 00:00:00'",
        ),
        ("plays", True, "played_at < TIMESTAMP '2024-03-01 00:00:00'"),
        ("playlist_tracks", False, "snapshot_date >= DATE '2024-02-01' AND snapshot_date < DATE '2024-03-01'"),
        ("playlist_tracks", True, "snapshot_date < DATE '2024-03-01'"),
    ],
)
def test_the_first_window_takes_whatever_lies_before_its_end(table, is_first, sql):
    assert window_predicate(TABLES[table], replace(FEBRUARY, is_first=is_first)) == sql


@pytest.mark.parametrize("partitioning", [PLAYS, SNAPSHOTS])
def test_only_the_first_window_is_the_first(partitioning):
    settings = load_settings(plays_start="2024-01-01", snapshots_start="2024-01-01")
    found = list(windows(partitioning, settings, now=datetime(2024, 5, 1, tzinfo=UTC)).values())
    assert [window.is_first for window in found] == [True, *[False] * (len(found) - 1)]


@pytest.mark.parametrize(("keys", "is_first"), [("2024-01-01 2024-02-01", True), ("2024-03-01 2024-02-01", False)])
def test_a_span_is_from_the_first_start_to_the_last_end(keys, is_first):
    months = windows(PLAYS, load_settings(plays_start="2024-01-01"), now=datetime(2024, 5, 1, tzinfo=UTC))
    span = span_of(keys.split(), months)
    first, last = sorted(keys.split())
    assert (span.start, span.end, span.is_first) == (months[first].start, months[last].end, is_first)


def test_snapshots_end_today_and_plays_a_partition_later():
    settings = load_settings(plays_start="2024-01-01", snapshots_start="2024-01-01")
    now = datetime(2024, 1, 3, 23, 59, tzinfo=UTC)
    assert list(windows(SNAPSHOTS, settings, now)) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert list(windows(PLAYS, settings, now)) == ["2024-01-01", "2024-02-01"]


def test_an_unpartitioned_table_has_no_windows():
    assert windows_of(TABLES["dim_track"], load_settings()) == {}
