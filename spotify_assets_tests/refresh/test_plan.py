"""Ranges that are stale, as runs that memory can hold."""

import shutil

import pytest

from spotify_assets.refresh.plan import bounded
from spotify_assets.refresh.staleness import LandedFile, _records
from spotify_assets.settings import load_settings
from spotify_assets.windows import windows
from spotify_assets_tests.conftest import extended, utc

KEYS = [f"2024-{month:02}-01" for month in range(1, 13)]


@pytest.mark.parametrize(
    ("records", "most", "lengths"),
    [
        ({}, 10, [12]),
        (dict.fromkeys(KEYS, 10.0), 1_000, [12]),
        (dict.fromkeys(KEYS, 10.0), 60, [6, 6]),
        (dict.fromkeys(KEYS, 10.0), 59, [4, 4, 4]),
        (dict.fromkeys(KEYS, 10.0), 1, [1] * 12),
        ({KEYS[0]: 1e9}, 10, [1, 11]),
        ({KEYS[-1]: 1e9}, 10, [11, 1]),
        (dict.fromkeys(KEYS[:2], 100.0), 100, [1, 11]),
    ],
)
def test_ranges_hold_about_alike_and_nothing_is_left_out(records, most, lengths):
    ranges = bounded(KEYS, records, most)
    assert [key for keys in ranges for key in keys] == KEYS
    assert [len(keys) for keys in ranges] == lengths


def test_records_of_a_file_are_spread_over_its_time():
    of_plays = windows("plays", load_settings(plays_start="2024-01-01"), utc("2024-12-31 00:00:00"))
    loaded = utc("2025-01-01 00:00:00")
    files = [
        LandedFile("anna", "a", loaded, utc("2024-02-01 00:00:00"), utc("2024-03-31 23:59:59"), False, 60),
        LandedFile("anna", "b", loaded, utc("2024-03-05 00:00:00"), utc("2024-03-05 00:00:00"), False, 7),
        LandedFile("anna", "c", loaded, None, None, True, 5),
    ]
    records = {key: round(count) for key, count in _records(files, of_plays).items() if count}
    assert records == {"2024-02-01": 29, "2024-03-01": 38}


def test_a_history_in_several_ranges_gives_the_same_tables(prepared):
    plays = [extended(f"2024-{month:02}-15T12:00:{second:02}Z") for month in range(1, 7) for second in range(5)]
    world = prepared({"anna/a.json": plays})
    whole = world.everything()
    shutil.rmtree(world.settings.lake_uri)
    world.overrides["max_records_a_run"] = 11
    runs = world.sync()
    assert len([run for run in runs if "plays" in run.tables]) == 3
    assert world.everything() == whole
