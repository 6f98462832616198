"""Ranges that are stale, as runs that memory can hold."""

import shutil

import pytest

from spotify_assets.lake.tables import Lake
from spotify_assets.model import PLAYS
from spotify_assets.refresh.plan import PlannedRun, contiguous_ranges, plan_runs, split_range, tables_at_once
from spotify_assets.refresh.staleness import Stale
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import extended, utc

pytestmark = pytest.mark.integration

KEYS = [f"2024-{month:02}-01" for month in range(1, 13)]


@pytest.mark.parametrize(
    ("records", "most", "lengths"),
    [
        ({}, 10, [12]),
        ({KEYS[0]: 5.0}, 5, [12]),
        ({KEYS[0]: 9.9, KEYS[2]: 10.1}, 10, [2, 10]),
        (dict.fromkeys(KEYS[:3], 10.0), 15, [1, 11]),
        (dict.fromkeys(KEYS, 1.0), 6, [6, 6]),
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
    ranges = split_range(KEYS, records, most)
    assert [key for keys in ranges for key in keys] == KEYS
    assert [len(keys) for keys in ranges] == lengths


GAP = [f"2024-01-{day:02d}" for day in range(1, 18)]


@pytest.mark.parametrize(
    ("stale", "empty", "ranges"),
    [
        ("", "", []),
        ("b", "", ["b"]),
        ("eabd", "", ["ab", "de"]),
        ("acf", "bd", ["abc", "f"]),
        ("ad", "bc", ["abcd"]),
        ("ad", "b", ["a", "d"]),
        ("bc", "adef", ["bc"]),
    ],
)
def test_ranges_have_no_gaps_but_what_is_empty(stale, empty, ranges):
    assert contiguous_ranges(stale, "abcdef", empty) == [tuple(keys) for keys in ranges]


@pytest.mark.parametrize(("empty_days", "runs"), [(13, 1), (14, 1), (15, 2)])
def test_a_gap_of_fourteen_empty_days_is_bridged_and_one_of_fifteen_is_not(empty_days, runs):
    last = GAP[empty_days + 1]
    assert len(contiguous_ranges([GAP[0], last], GAP, GAP[1:-1])) == runs


def test_what_a_run_is_called_and_tagged():
    months = PlannedRun(("plays", "fct_plays"), ("2024-01-01", "2024-02-01"))
    assert str(months) == "2024-01-01 to 2024-02-01 (2 partitions of 2 tables)"
    assert months.partitioning == PLAYS
    assert months.tags == {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-02-01",
        "spotify_assets/source": "landed",
    }
    whole = PlannedRun(("dim_time",))
    assert (str(whole), whole.partitioning) == ("1 tables without partitions", None)
    assert whole.tags == {"spotify_assets/source": "landed"}
    assert str(PlannedRun(("plays",), ("2024-01-01",))) == "2024-01-01 (1 partitions of 1 tables)"


def planned(windows=(), whole=(), empty_days=(), records=(), **overrides):
    """Runs as (keys, tables), as of June 2024."""
    stale = Stale(dict(windows), list(whole), set(empty_days), dict(records))
    settings = load_settings(plays_start="2024-01-01", snapshots_start="2024-01-01", **overrides)
    return [(run.keys, run.tables) for run in plan_runs(stale, settings, utc("2024-06-15 00:00:00"))]


def test_nothing_stale_is_no_run():
    assert planned() == []


def test_tables_without_partitions_are_one_run():
    assert planned(whole=["dim_time", "dim_reason"]) == [((), ("dim_time", "dim_reason"))]


def test_one_range_is_one_run_of_all_that_is_stale_in_order():
    windows = {"fct_plays": ["2024-02-01"], "plays": ["2024-01-01", "2024-02-01"]}
    assert planned(windows, ["dim_track"]) == [(("2024-01-01", "2024-02-01"), ("plays", "dim_track", "fct_plays"))]


def test_of_several_ranges_dimensions_wait_for_the_last_and_facts_for_dimensions():
    months = ["2024-01-01", "2024-03-01", "2024-06-01"]
    assert planned({"plays": months, "fct_plays": months}, ["dim_track"]) == [
        (("2024-01-01",), ("plays",)),
        (("2024-03-01",), ("plays",)),
        (("2024-06-01",), ("plays", "dim_track", "fct_plays")),
        (("2024-01-01",), ("fct_plays",)),
        (("2024-03-01",), ("fct_plays",)),
    ]


def test_snapshots_come_before_plays_and_bridge_days_without_any():
    windows = {"playlist_tracks": ["2024-01-01", "2024-01-03"], "plays": ["2024-01-01", "2024-03-01"]}
    bridged = {"2024-01-02", "2024-02-01"}  # a month is no day
    assert planned(windows, empty_days=bridged) == [
        (("2024-01-01", "2024-01-02", "2024-01-03"), ("playlist_tracks",)),
        (("2024-01-01",), ("plays",)),
        (("2024-03-01",), ("plays",)),
    ]


def test_a_range_of_too_many_records_is_several_runs():
    months = ["2024-01-01", "2024-02-01"]
    assert planned({"plays": months}, records=dict.fromkeys(months, 5.0), max_records_a_run=5) == [
        (("2024-01-01",), ("plays",)),
        (("2024-02-01",), ("plays",)),
    ]


def test_a_history_in_several_ranges_gives_the_same_tables(prepared):
    plays = [extended(f"2024-{month:02}-15T12:00:{second:02}Z") for month in range(1, 7) for second in range(5)]
    world = prepared({"anna/a.json": plays})
    whole = world.everything()
    shutil.rmtree(world.settings.lake_uri)
    world.overrides["max_records_a_run"] = 11
    world.ingest()
    runs = world.refresh()
    assert len([run for run in runs if "plays" in run.tables]) == 3
    assert world.everything() == whole


@pytest.mark.parametrize(
    ("records", "at_once"), [(0, 4), (1_000_000, 4), (1_000_001, 3), (2_000_000, 2), (2_000_001, 1), (50_000_000, 1)]
)
def test_fewer_tables_at_once_in_a_lake_of_many_plays(records, at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(Lake, "count", lambda lake, table: {"raw_plays": records}[table])
    assert tables_at_once(load_settings(lake_uri=str(tmp_path))) == at_once
    assert tables_at_once(load_settings(lake_uri=str(tmp_path), concurrent_tables=1)) == 1
    assert tables_at_once(load_settings(lake_uri=str(tmp_path), spark_remote="sc://localhost")) == 4


def test_more_tables_at_once_in_s3_as_they_wait_for_requests(monkeypatch):
    monkeypatch.setattr(Lake, "count", lambda lake, table: 400_000)
    assert tables_at_once(load_settings(lake_uri="s3://bucket/lake")) == 10
    assert tables_at_once(load_settings(lake_uri="s3://bucket/lake", concurrent_tables=1)) == 3
    monkeypatch.setattr(Lake, "count", lambda lake, table: 0)
    assert tables_at_once(load_settings(lake_uri="s3://bucket/lake")) == 12


def test_a_damaged_lake_is_mended_by_as_many_tables_at_once_as_allowed(prepared):
    world = prepared({"anna/one.json": [extended("2024-01-31T12:00:00Z")]})
    assert tables_at_once(world.settings) == 4
    for entry in (world.root / "lake/raw/raw_plays/_delta_log").iterdir():
        entry.write_bytes(b"{")
    assert tables_at_once(world.settings) == 4
