import os
from datetime import UTC, datetime

import pytest

from spotify_assets.storage import OutsideStorageError
from spotify_assets_tests.conftest import LANDED_AT


def test_files_of_every_listener_in_any_subfolder(world):
    world.land("anna/deep/er/x.json", b"12")
    world.land("ben/y.zip", b"1")
    world.land("ben/z.json.part", b"1")
    found = list(world.landing.history_files())
    assert [(file.path, file.listener, file.size, file.landed_at) for file in found] == [
        ("history/anna/deep/er/x.json", "anna", 2, LANDED_AT),
        ("history/ben/y.zip", "ben", 1, LANDED_AT),
    ]


def test_no_landing_zone_is_an_empty_one(world):
    assert list(world.landing.history_files()) == []
    assert world.landing.strays() == {}


def test_files_in_no_listeners_and_no_days_folder_are_strays(world):
    world.land("my_spotify_data.zip", b"1")
    for path in ("today/a.json", "2026-02-30/a.json", "2026-02-03/a.json", "2026-02-03/b.json.part", "a.json"):
        world.landing.land(f"playlists/{path}", b"1")
    assert list(world.landing.history_files()) == []
    assert [capture.path for capture in world.landing.captures("playlists")] == ["playlists/2026-02-03/a.json"]
    assert list(world.landing.strays()) == [
        "history/my_spotify_data.zip",
        "playlists/2026-02-30",
        "playlists/a.json",
        "playlists/today",
    ]


def test_times_keep_their_microseconds(world):
    moment = datetime(2024, 1, 31, 13, 37, 0, 123456, tzinfo=UTC)
    world.land("anna/x.json", b"1", landed_at=moment)
    [file] = world.landing.history_files()
    assert abs((file.landed_at - moment).total_seconds()) <= 1e-6


@pytest.mark.parametrize("path", ["history/anna/../../../outside", "/etc/hostname"])
def test_a_path_that_leads_out_is_refused(world, path):
    (world.root / "landing/history/anna").mkdir(parents=True)
    with pytest.raises(OutsideStorageError):
        world.landing.open(path)


def test_a_name_that_is_no_text_is_a_stray_and_stops_nothing(world):
    for folder in ("history/anna", "playlists/2026-02-03"):
        (world.root / "landing" / folder).mkdir(parents=True)
        (world.root / os.fsdecode(b"landing/" + folder.encode() + b"/caf\xe9.json")).write_bytes(b"[]")
    assert list(world.landing.history_files()) == []
    assert list(world.landing.captures("playlists")) == []
    assert list(world.landing.strays()) == ["history/anna/caf?.json", "playlists/2026-02-03/caf?.json"]
