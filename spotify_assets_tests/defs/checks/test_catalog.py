"""Checks of catalogue files as Dagster runs them."""

import dagster as dg
import pyarrow as pa
import pytest

from spotify_assets.model import TABLES
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.defs.checks.test_history import check

pytestmark = pytest.mark.integration

__all__ = ["check"]  # a fixture

FILE = {
    "source_file": "catalog/a.csv", "landed_file": "catalog/a.csv", "sha256": "0", "size": 1, "etag": None,
    "landed_at": utc("2024-01-01 00:00:00"), "status": "read", "feeds": ["tracks"],
    "records": 0, "bad_records": 0, "loaded_at": utc("2024-01-01 00:00:00"), "reader_version": "1",
}  # fmt: skip


@pytest.fixture
def hold(world):
    """Make a table hold these rows."""

    def hold(table, *rows):
        known = pa.Table.from_pylist(list(rows), TABLES[table].arrow_schema)
        world.lake.replace(table, lambda: iter(known.to_batches()))

    return hold


def row(number):
    return {"source_file": "catalog/a.csv", "source_row": number}


def test_a_lost_row_and_one_that_is_there_twice_are_noticed(world, hold, check):
    joined = {"track_key": "a", "catalog_artist_key": "b"}
    hold("raw_catalog_tracks", row(0), row(1))
    hold("catalog_tracks", joined | row(0))
    hold("catalog_tracks_rejects", {"reason": "no_album"} | row(1))
    assert check(world, "catalog_tracks_rejects", "every_catalog_track_once").passed
    hold("catalog_tracks_rejects", {"reason": "no_album"} | row(0))
    found = check(world, "catalog_tracks_rejects", "every_catalog_track_once")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    hold("catalog_tracks_rejects")
    found = check(world, "catalog_tracks_rejects", "every_catalog_track_once")
    assert "catalog_tracks (1) and catalog_tracks_rejects (0) differ from the 2 landed ones" in found.description


def test_an_unreadable_file_is_named(world, hold, check):
    hold("raw_catalog_files", FILE | {"status": "unreadable", "detail": "it is no text"})
    found = check(world, "raw_catalog_files", "unreadable_catalog_files")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "catalog/a.csv" in found.description
    assert "no text" in found.description


def covered(attribute, known, **values):
    return {
        "listener": "anna", "attribute": attribute, "plays": 10, "known_plays": known, "play_share": known / 10,
        "ms_played": 100, "known_ms_played": known * 10, "ms_share": known / 10, "tracks": 10, "known_tracks": known,
        "track_share": known / 10,
    } | values  # fmt: skip


def test_low_coverage_warns_where_files_tell_anything(world, hold, check):
    name = ("catalogue_coverage", "coverage_is_enough")
    hold("raw_catalog_files", FILE)
    hold("catalogue_coverage", covered("genre", 6), covered("features", 0), covered("length", 5))
    assert check(world, *name).passed
    # Nobody's features are known: no file tells them. Of ben, nothing was found in the files of genres.
    hold("catalogue_coverage", covered("genre", 6), covered("genre", 0, listener="ben"), covered("release", 4))
    found = check(world, *name)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "`anna`: release 40%; `ben`: genre 0%." in found.description
    world.overrides = {"min_coverage": 0}
    assert check(world, *name).passed
    world.overrides = {}
    hold("raw_catalog_files", FILE | {"status": "ignored"})
    assert check(world, *name).passed
