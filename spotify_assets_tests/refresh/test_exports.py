"""Which landed exports are listed, and what makes the snapshots of their day stale."""

import json
from datetime import date

from spotify_assets.refresh import staleness
from spotify_assets.refresh.exports import exported_files
from spotify_assets_tests.conftest import account, utc

LISTED = {"playlists": [{"name": "Morning", "lastModifiedDate": "2023-01-01", "items": []}]}
SAVED = {"tracks": [{"track": "Song", "artist": "Band"}], "albums": []}


def test_exports_are_listed_by_day(world):
    world.land("anna/b/Playlist1.json", LISTED, utc("2024-03-05 23:59:59"))
    world.land("anna/c/YourLibrary.json", SAVED, utc("2024-01-01 00:00:00"))
    world.land("ben/a.json", [account("2024-01-01 10:00")])
    world.land("ben/Playlist1.json", {"playlists": [{"name": "Old", "items": []}]}, utc("2015-01-01 00:00:00"))
    world.ingest()
    found = exported_files(world.lake, world.settings)
    assert [(file.listener, file.kind, file.day) for file in found] == [
        ("ben", "playlists", date(2020, 1, 1)),
        ("anna", "library", date(2024, 1, 1)),
        ("anna", "playlists", date(2024, 3, 5)),
    ]


def test_an_export_makes_its_day_stale_and_history_does_not(world):
    world.land("anna/a.json", [account("2024-01-01 10:00")])
    world.ingest()
    assert "raw_playlists" not in staleness.stale(world.lake, world.settings).windows
    world.land("anna/YourLibrary.json", json.dumps(SAVED), utc("2024-03-05 00:00:00"))
    world.ingest()
    found = staleness.stale(world.lake, world.settings)
    assert found.windows["raw_playlists"] == ["2024-03-05"]
    assert "raw_library" in found.whole
    world.refresh("raw_library")
    found = staleness.stale(world.lake, world.settings)
    assert not {"raw_playlists", "raw_library"} & {*found.windows, *found.whole}
