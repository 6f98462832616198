"""Account data of the sample: playlists and a library that the readers take as Spotify's, of what the sample holds."""

from datetime import UTC, datetime

import pytest

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.account_data import exported_playlists, find_account_data, library_entries
from spotify_assets.sandbox.catalogue import Catalogue
from spotify_assets.sandbox.exports import LANDED_AT, land_sample_exports

PLAYS = 20_000


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What is read of each file."""
    folder = tmp_path_factory.mktemp("landing")
    land_sample_exports(LandingZone(str(folder)), PLAYS)
    account = folder / "history" / "demo-ben" / "Spotify Account Data"
    read = {}
    for name in ("Playlist1.json", "YourLibrary.json"):
        with (account / name).open("rb") as stream:
            read[name] = find_account_data(stream, 1_000_000, LANDED_AT)
    return read


def test_playlists_hold_tracks_episodes_and_a_file_of_the_listeners_own(found):
    drives, kitchen = exported_playlists(found["Playlist1.json"])
    assert (drives.name, len(drives.items), {item["item_type"] for item in drives.items}) == (
        "Long drives", 25, {"track"},
    )  # fmt: skip
    assert {item["item_type"] for item in kitchen.items} == {"episode", "track"}
    assert [item["track_name"] for item in kitchen.items if item["is_local"]] == ["Voice memo"]
    items = drives.items + kitchen.items
    assert not any(item["is_removed"] for item in items)
    assert all(item["added_at"] for item in items)
    assert datetime(2024, 2, 29, tzinfo=UTC) <= found["Playlist1.json"].dates.latest < LANDED_AT


def test_the_library_is_of_the_stand_ins_catalogue(found):
    catalogue, sections = Catalogue(PLAYS), {}
    for entry in library_entries(found["YourLibrary.json"]):
        objects = getattr(catalogue, f"{entry['item_type']}s")
        assert objects[entry["item_id"]]["name"] == entry["name"]
        sections[entry["section"]] = sections.get(entry["section"], 0) + 1
    assert sections == {
        "tracks": 39,
        "bannedTracks": 1,
        "albums": 12,
        "artists": 12,
        "episodes": 6,
        "shows": sections["shows"],
    }
    assert sections["shows"] > 1
