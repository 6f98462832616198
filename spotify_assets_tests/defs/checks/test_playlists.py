"""Checks of playlist snapshots as Dagster runs them, on worlds that break them."""

import dagster as dg
import pytest

from spotify_assets.ingest.responses import mirror_playlists
from spotify_assets_tests.defs.checks.test_history import check
from spotify_assets_tests.ingest.test_responses import land
from spotify_assets_tests.readers.test_playlists import capture, local, track

pytestmark = pytest.mark.integration

__all__ = ["check"]  # a fixture

DAYS = ("2024-01-01", "2024-01-02")
SECOND = {"dagster/asset_partition_range_start": DAYS[1], "dagster/asset_partition_range_end": DAYS[1]}
FIRST = {"dagster/partition": DAYS[0]}


@pytest.fixture
def captured(world):
    """A world of two snapshots, of three items and of two."""
    land(world, "playlists/2024-01-01/p.json", capture(track("A"), None, track("A")))
    land(world, "playlists/2024-01-02/p.json", capture(track("A"), local("Demo")))
    land(world, "playlists/2024-01-02/p.080000.json", "[{")
    land(world, "playlists/2024-01-02/notes.json", {"a": 1})
    mirror_playlists(world.landing, world.lake, world.settings, DAYS)
    world.frames.write("playlist_tracks", world.compute("playlist_tracks", DAYS), DAYS)
    return world


def test_every_item_once(captured, check):
    found = check(captured, "playlist_tracks", "every_item_once")
    assert (found.passed, found.blocking) == (True, True)
    assert {name: value.value for name, value in found.metadata.items()} == {"captured": 5, "landed": 5, "kept": 5}
    found = check(captured, "playlist_tracks", "every_item_once", FIRST)
    assert (found.passed, found.metadata["kept"].value) == (True, 3)


@pytest.mark.parametrize("tables", [["playlist_tracks"], ["raw_playlists"], ["playlist_tracks", "raw_playlists"]])
def test_a_lost_item_is_noticed_on_its_day_only(captured, check, tables):
    for table in tables:
        captured.lake.open(table).delete("snapshot_date = DATE '2024-01-02' AND position = 1")
    found = check(captured, "playlist_tracks", "every_item_once")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "The captures have 5 items" in found.description
    assert not check(captured, "playlist_tracks", "every_item_once", SECOND).passed
    assert check(captured, "playlist_tracks", "every_item_once", FIRST).passed


def test_unreadable_captures_are_named_and_only_warn(captured, check):
    found = check(captured, "raw_playlist_files", "unreadable_captures")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "`playlists/2024-01-02/p.080000.json`: `it is no valid JSON" in found.description
    assert "notes.json" not in found.description
    assert found.metadata["unreadable"].value == 1
    assert check(captured, "raw_playlist_files", "unreadable_captures", FIRST).passed


def test_without_a_capture_there_is_nothing_to_find(world, check):
    assert check(world, "raw_playlist_files", "unreadable_captures").passed
    assert check(world, "playlist_tracks", "every_item_once").passed
