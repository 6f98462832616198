"""Playlists and libraries of account data, from landed exports to snapshots, whatever is landed when."""

import io
import json
import os
import shutil
import zipfile
from datetime import date

import pytest

from spotify_assets.landing.copy_in import listener_files
from spotify_assets.refresh import staleness
from spotify_assets_tests.conftest import account, utc
from spotify_assets_tests.readers.test_account_data import LIBRARY, item, playlist

pytestmark = pytest.mark.integration

DAY = utc("2024-03-05 10:00:00")
TABLES = ("raw_playlists", "raw_playlist_files", "raw_library")


def export(*playlists):
    return json.dumps({"playlists": list(playlists)})


def songs(*names, **more):
    """A playlist of songs with their names alone."""
    return playlist(*[item(track={"trackName": name, "artistName": "Band"}) for name in names], **more)


def zipped(members, at=DAY):
    """A zip with the time for each of its members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), text)
    return content.getvalue()


@pytest.fixture
def mirrored(world):
    """Read what is landed, and return names by day, playlist and listener."""

    def read():
        world.ingest()
        world.refresh("raw_playlists")
        stale = staleness.stale(world.lake, world.settings)
        assert not {*TABLES} & {*stale.windows, *stale.whole}
        files = {
            (row["snapshot_date"], row["playlist_id"]): row
            for row in world.rows("raw_playlist_files")
            if row["status"] == "read"
        }
        found = {key: [] for key in files}
        for row in world.rows("raw_playlists"):
            found[row["snapshot_date"], row["playlist_id"]].append(row["track_name"])
        assert {key: files[key]["items"] for key in files} == {key: len(found[key]) for key in files}
        return {
            (f"{day}", files[day, key]["listener"], files[day, key]["playlist_name"], key): names
            for (day, key), names in found.items()
        }

    return read


def told(found):
    """Less the ids."""
    return sorted(((*key[:3], names) for key, names in found.items()), key=str)


def test_playlists_of_an_archive_are_a_snapshot_of_its_day(world, mirrored):
    members = {
        "MyData/Playlist1.json": export(songs("A", "B"), songs(name="Empty")),
        "MyData/Playlist2.json": "\ufeff" + export(songs("C", name="Évening")),
        "MyData/StreamingHistory_music_0.json": json.dumps([account("2024-03-01 10:00")]),
        "MyData/Userdata.json": '{"username": "anna"}',
    }
    world.land("anna/deep/my_spotify_data.zip", zipped(members))
    assert told(mirrored()) == [
        ("2024-03-05", "anna", "Empty", []),
        ("2024-03-05", "anna", "Morning", ["A", "B"]),
        ("2024-03-05", "anna", "Évening", ["C"]),
    ]
    [row] = [row for row in world.rows("raw_files") if row["source_file"].endswith("Playlist1.json")]
    assert (row["status"], row["source_format"], row["exported_at"], row["records"]) == ("read", "playlists", DAY, 0)
    row = world.rows("raw_playlist_files")[0]
    assert (row["kind"], row["captured_at"], row["month"]) == ("playlist", DAY, date(2024, 3, 1))
    assert "some.one" not in repr(world.everything())


@pytest.mark.parametrize(
    ("noted", "landed_at", "day"),
    [
        (utc("2024-03-05 10:00:00"), utc("2025-01-10 00:00:00"), "2024-03-05"),
        (utc("1980-01-01 00:00:00"), utc("2025-01-10 00:00:00"), "2023-01-01"),  # no time: the latest in it
        (utc("2022-01-01 00:00:00"), utc("2025-01-10 00:00:00"), "2023-01-01"),  # earlier than what is in it
        (utc("2099-01-01 00:00:00"), utc("2025-01-10 00:00:00"), "2023-01-01"),
        (None, utc("2025-01-10 00:00:00"), "2025-01-10"),  # no archive: the file's time
        (None, utc("2022-01-10 00:00:00"), "2023-01-01"),
    ],
)
def test_the_day_of_an_export(world, mirrored, noted, landed_at, day):
    content = export(songs("A"))
    world.land("anna/x", zipped({"Playlist1.json": content}, noted) if noted else content, landed_at)
    assert [key[0] for key in mirrored()] == [day]


def test_a_library_shares_the_time_of_its_archive(world, mirrored):
    members = {"Playlist1.json": export(songs("A")), "YourLibrary.json": json.dumps(LIBRARY)}
    world.land("anna/x.zip", zipped(members, utc("1980-01-01")))
    assert told(mirrored()) == [
        ("2023-01-01", "anna", "Morning", ["A"]),
        ("2023-01-01", "anna", "Your Library", ["Reapers", "#1"]),
    ]
    kinds = {row["playlist_name"]: row["kind"] for row in world.rows("raw_playlist_files")}
    assert kinds == {"Morning": "playlist", "Your Library": "library"}


def test_an_export_from_before_snapshots_is_one_of_their_first_day(world, mirrored):
    old = songs("A", lastModifiedDate="2016-01-01")
    old["items"][0]["addedDate"] = "2015-01-01"
    world.land("anna/Playlist1.json", export(old), utc("2016-05-05 00:00:00"))
    assert [key[0] for key in mirrored()] == ["2020-01-01"]


def test_equal_names_are_playlists_of_their_own(world, mirrored):
    first, second = songs("Old"), songs("New")
    first["items"][0]["addedDate"] = "2019-01-01"
    for listener, day in (("anna", "2024-01-01"), ("anna", "2024-02-01"), ("ben", "2024-01-01")):
        # The order in the file changes from export to export.
        pair = (first, second) if day == "2024-01-01" else (second, first)
        world.land(f"{listener}/{day}/Playlist1.json", export(*pair), utc(f"{day} 00:00:00"))
    names = {}
    for (_, listener, _, playlist_id), songs_of in mirrored().items():
        names.setdefault((listener, playlist_id), []).append(songs_of)
    assert sorted(names.values()) == [[["New"]], [["New"], ["New"]], [["Old"]], [["Old"], ["Old"]]]


def test_parts_of_one_export_add_up_and_a_later_export_of_the_day_replaces(world, mirrored):
    world.land("anna/Playlist1.json", export(songs("A")), utc("2024-01-01 08:00:00"))
    world.land("anna/Playlist2.json", export(songs("B")), utc("2024-01-01 08:00:00"))
    assert [names for *_, names in told(mirrored())] == [["A"], ["B"]]
    world.land("anna/Playlist1-2.json", export(songs("C")), utc("2024-01-01 09:00:00"))
    assert [names for *_, names in told(mirrored())] == [["B"], ["C"]]
    statuses = [(row["source_file"], row["status"], row["items"]) for row in world.rows("raw_playlist_files")]
    assert ("history/anna/Playlist1.json", "replaced", 0) in statuses


def everything(world):
    times = ("landed_at", "loaded_at", "reader_version")
    return {
        table: [{name: value for name, value in row.items() if name not in times} for row in world.rows(table)]
        for table in (*TABLES, "raw_files")
    }


def test_exports_in_any_order_deleted_and_added_again_give_the_same_tables(world, mirrored):
    exports = {
        "anna/new.zip": zipped({"d/Playlist1.json": export(songs("A", "B")), "YourLibrary.json": json.dumps(LIBRARY)}),
        "anna/old/Playlist1.json": export(songs("A")),
        "ben/Playlist1.json": export(songs("X")),
        "ben/YourLibrary.json": json.dumps(LIBRARY | {"tracks": [], "shows": []}),
    }
    for path in exports:
        world.land(path, exports[path], utc("2023-06-01 00:00:00"))
        mirrored()
    before = everything(world)
    assert {row["listener"] for row in before["raw_library"]} == {"anna", "ben"}
    os.remove(world.root / "landing/history/anna/new.zip")
    assert told(mirrored()) == [
        ("2023-06-01", "anna", "Morning", ["A"]),
        ("2023-06-01", "ben", "Morning", ["X"]),
        ("2023-06-01", "ben", "Your Library", ["#1"]),
    ]
    assert {row["listener"] for row in world.rows("raw_library")} == {"ben"}
    world.land("anna/new.zip", exports["anna/new.zip"], utc("2023-07-01 00:00:00"))  # copied at another time
    mirrored()
    assert everything(world) == before
    shutil.rmtree(world.root / "lake")
    mirrored()
    assert everything(world) == before


def test_the_latest_library_counts_whenever_it_lands(world, mirrored):
    later = LIBRARY | {"tracks": [{"artist": "Muse", "track": "Uprising"}]}
    world.land("anna/later/YourLibrary.json", json.dumps(later), utc("2024-02-01 00:00:00"))
    mirrored()
    world.land("anna/YourLibrary.json", json.dumps(LIBRARY), utc("2024-01-01 00:00:00"))
    assert [names[0] for *_, names in told(mirrored())] == ["Reapers", "Uprising"]
    saved = [row["name"] for row in world.rows("raw_library") if row["section"] == "tracks"]
    assert saved == ["Uprising"]


def test_a_file_whose_time_changes_is_a_snapshot_of_another_day(world, mirrored):
    path = world.land("anna/Playlist1.json", export(songs("A")), utc("2024-01-01 00:00:00"))
    assert [key[0] for key in mirrored()] == ["2024-01-01"]
    os.utime(path, (DAY.timestamp(), DAY.timestamp()))
    assert [key[0] for key in mirrored()] == ["2024-03-05"]


def test_what_is_no_playlist_is_told(world, mirrored):
    world.land("anna/a/Playlist1.json", json.dumps({"playlists": []}))
    world.land("anna/b/YourLibrary.json", json.dumps({key: [] for key in LIBRARY}))
    world.land("anna/c/Playlist1.json", '{"playlists": [{"name": "Cut')
    world.land("anna/d/Playlist1.json", export({"name": "No items", "lastModifiedDate": "2024-01-01"}, songs("A")))
    assert told(mirrored()) == [("2025-01-10", "anna", "Morning", ["A"])]
    states = {row["landed_file"][13]: (row["status"], row["detail"]) for row in world.rows("raw_files")}
    assert states["a"] == ("ignored", "account data: no playlist")
    assert states["b"] == ("ignored", "account data: an empty library")
    assert states["c"][0] == "unreadable"
    [bad] = [row for row in world.rows("raw_playlist_files") if row["status"] == "unreadable"]
    assert (bad["playlist_name"], bad["detail"]) == ("No items", "a playlist without its items")


def test_snapshots_feed_the_tables_of_playlists(world, frame):
    for day, names in (("2024-01-01", "AB"), ("2024-02-01", "BC")):
        world.land(f"anna/{day}/Playlist1.json", export(songs(*names)), utc(f"{day} 00:00:00"))
    world.land("anna/YourLibrary.json", json.dumps(LIBRARY), utc("2024-02-01 00:00:00"))
    world.sync("playlist_tracks", "dim_playlist", "playlist_changes", "playlist_track_tenure")
    columns = ("playlist_name", "kind", "listener", "valid_from", "is_current")
    rows = [tuple(row[name] for name in columns) for row in world.rows("dim_playlist") if row["listener"]]
    assert sorted(rows) == [
        ("Morning", "playlist", "anna", date(2024, 1, 1), True),
        ("Your Library", "library", "anna", date(2024, 2, 1), True),
    ]
    changes = {(row["name"], row["change"]) for row in world.rows("playlist_changes")}
    assert changes == {("A", "left"), ("B", "moved"), ("C", "entered")}
    tenures = {row["name"]: (row["days_on_list"], row["is_current"]) for row in world.rows("playlist_track_tenure")}
    assert tenures["A"] == (1, False)
    assert tenures["B"] == (2, True)


def liked(*names, added="2021-03-05T10:00:00Z"):
    """A file of Exportify."""
    header = "Track URI,Track Name,Artist Name(s),Album Name,Popularity,Explicit,Added By,Added At"
    rows = [f"spotify:track:{name * 22},{name},Band,Album,1,false,spotify:user:some.one,{added}" for name in names]
    return "\n".join([header, *rows])


def land(world, path, content):
    world.landing.land(path, content.encode() if isinstance(content, str) else content)
    return world.root / "landing" / path


@pytest.mark.parametrize(
    ("path", "day", "name"),
    [
        ("playlists/liked.csv", "2021-03-05", "liked"),
        ("playlists/exportify/Road_trip-2.csv", "2021-03-05", "Road_trip-2"),
        ("playlists/2023-02-01/liked.csv", "2023-02-01", "liked"),
        ("catalog/old/liked.csv", "2021-03-05", "liked"),
    ],
)
def test_a_file_of_exportify_is_a_playlist_and_a_catalogue(world, mirrored, path, day, name):
    land(world, path, liked("A", "B"))
    assert told(mirrored()) == [(day, None, name, ["A", "B"])]
    assert [row["feeds"] for row in world.rows("raw_catalog_files")] == [["albums", "tracks", "playlists"]]
    assert [row["track_name"] for row in world.rows("raw_catalog_tracks")] == ["A", "B"]
    assert {row["added_at"] for row in world.rows("raw_playlists")} == {utc("2021-03-05 10:00:00")}
    assert "some.one" not in repr(world.everything())
    assert world.landing.strays() == {}
    os.remove(world.root / "landing" / path)
    assert mirrored() == {}


def test_files_of_exportify_are_one_playlist_whatever_they_are_in(world, mirrored):
    day = "2022-05-05T10:00:00Z"
    land(world, "playlists/liked.csv", liked("A"))
    content = zipped({"liked.csv": liked("A", "B", added=day), "road.csv": liked("C"), "note.txt": "x"})
    land(world, "playlists/spotify_playlists.zip", content)
    land(world, "playlists/ben/liked.csv", liked("X"))
    found = mirrored()
    # An archive is one export, of the day of its last addition.
    assert told(found) == [
        ("2021-03-05", None, "liked", ["A"]),
        ("2021-03-05", None, "liked", ["X"]),
        ("2022-05-05", None, "liked", ["A", "B"]),
        ("2022-05-05", None, "road", ["C"]),
    ]
    ids = {tuple(names): playlist_id for (*_, playlist_id), names in found.items()}
    assert ids["A",] == ids["A", "B"] != ids["X",]


@pytest.mark.parametrize("later", ["liked-2.csv", "liked (1).csv"])
def test_a_later_download_under_a_numbered_name_is_the_same_playlist(world, mirrored, later):
    first = land(world, "catalog/liked.csv", liked("A"))
    land(world, f"catalog/{later}", liked("B", added="2022-01-01T00:00:00Z"))
    found = mirrored()
    assert told(found) == [("2021-03-05", None, "liked", ["A"]), ("2022-01-01", None, "liked", ["B"])]
    assert len({playlist_id for *_, playlist_id in found}) == 1
    first.unlink()
    assert told(mirrored()) == [("2022-01-01", None, later.removesuffix(".csv"), ["B"])]


def test_a_file_of_exportify_without_times_is_dated_by_its_own(world, mirrored):
    path = land(world, "playlists/liked.csv", liked("A", added=""))
    for moment in (DAY, utc("2024-04-01 00:00:00")):
        os.utime(path, (moment.timestamp(), moment.timestamp()))
        assert [key[0] for key in mirrored()] == [f"{moment:%Y-%m-%d}"]


def exportify(*added):
    """A file of Exportify with an item of each time."""
    header, *_ = liked("A").splitlines()
    return "\n".join([header, *(liked("A", added=time).splitlines()[1] for time in added)])


def account_data(*added):
    """A playlist of account data with an item of each time."""
    items = [item(track={"trackName": "A"}) | {"addedDate": time} for time in added]
    return export(playlist(*items, lastModifiedDate=""))


BEHIND, RIGHT, AHEAD = "2023-02-10", "2024-06-01", "2024-09-01"


@pytest.mark.parametrize(
    ("path", "content"),
    [("playlists/x.csv", exportify), ("catalog/x.csv", exportify), ("history/anna/x.json", account_data)],
)
@pytest.mark.parametrize(
    ("landed_at", "added", "by_clock"),
    [
        # What was added beyond the clock is not believed, and it is once the clock is right.
        ("2023-01-01", ["2023-01-01", "2023-03-05"], {BEHIND: "2023-01-01", RIGHT: "2023-03-05"}),
        ("2023-01-01", ["2023-03-05", "2023-05-05"], {"2023-03-10": "2023-03-05", RIGHT: "2023-05-05"}),
        # A file that was copied here by the wrong clock, and one that has nothing but its own time.
        (BEHIND, ["2023-03-05"], {BEHIND: BEHIND, RIGHT: "2023-03-05"}),
        ("2024-01-10", [], {BEHIND: BEHIND, RIGHT: "2024-01-10"}),
        # What was believed while the clock was ahead is not believed any more.
        ("2023-01-01", ["2023-01-01", "2024-08-05"], {AHEAD: "2024-08-05", RIGHT: "2023-01-01"}),
        ("2024-08-05", [], {AHEAD: "2024-08-05", RIGHT: RIGHT}),
    ],
)
def test_a_playlist_that_was_read_by_another_clock_is_read_again(
    world, mirrored, clock, path, content, landed_at, added, by_clock
):
    file = land(world, path, content(*added))
    moment = utc(f"{landed_at} 00:00:00").timestamp()
    os.utime(file, (moment, moment))
    for time, day in by_clock.items():
        clock(time)
        assert [key[0] for key in mirrored()] == [day], time


def test_nothing_stays_of_a_listener_who_is_forgotten(world, mirrored):
    hidden = LIBRARY | {"tracks": [{"artist": "Band", "track": "Unique Title"}], "artists": [{"name": "Unique Title"}]}
    world.land("anna/my_spotify_data.zip", zipped({"Playlist1.json": export(songs("A"))}))
    world.land("ben/Playlist1.json", export(songs("Unique Title", name="Unique Title")), DAY)
    world.land("ben/YourLibrary.json", json.dumps(hidden), DAY)
    world.ingest()
    world.refresh("playlist_tracks", "dim_playlist", "playlist_track_tenure")
    assert {row["listener"] for row in world.rows("dim_playlist")} == {None, "anna", "ben"}
    # What `spotify-assets forget` does.
    world.landing.remove(listener_files("ben", world.landing))
    world.ingest()
    world.refresh("playlist_tracks", "dim_playlist", "playlist_track_tenure")
    world.lake.drop_history()
    assert {row["listener"] for row in world.rows("dim_playlist")} == {None, "anna"}
    assert world.rows("raw_library") == []
    files = [path.read_bytes() for path in (world.root / "lake").rglob("*") if path.is_file()]
    assert not [content for content in files if b"history/ben" in content or b"Unique Title" in content]
