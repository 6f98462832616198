"""`Playlist1.json` and `YourLibrary.json`: what is taken of them, and what isn't."""

import io
import json
from datetime import UTC, datetime

import pytest

from spotify_assets.readers.account_data import exported_playlists, find_account_data, library_entries

LATER = datetime(2030, 1, 1, tzinfo=UTC)
ID = "3eSyMBd7ERw68NVB3jlRmW"


def item(**more):
    """An item of a playlist as exported: one of its fields is set, others are null."""
    return dict.fromkeys(("track", "episode", "audiobook", "localTrack")) | {"addedDate": "2022-12-31"} | more


def track(name="Song", **more):
    return {"trackName": name, "artistName": "Band", "albumName": "Album", "trackUri": f"spotify:track:{ID}"} | more


def playlist(*items, name="Morning", **more):
    return {
        "name": name,
        "lastModifiedDate": "2023-01-01",
        "collaborators": ["some.one.else"],
        "items": list(items),
        "description": "For the train",
        "numberOfFollowers": 3,
    } | more


def find(document, until=LATER):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return find_account_data(io.BytesIO(content), 1_000_000, until)


def items_of(*entries):
    [found] = exported_playlists(find({"playlists": [playlist(*entries)]}))
    return found.items


def test_a_playlist_with_its_dates():
    data = find({"playlists": [playlist(item(track=track()))]})
    assert (data.kind, data.dates.latest, data.is_empty) == ("playlists", datetime(2023, 1, 1, tzinfo=UTC), False)
    [found] = exported_playlists(data)
    assert (found.name, found.attributes, found.problem) == ("Morning", {"description": "For the train"}, None)
    [row] = found.items
    told = ("item_type", "item_id", "track_name", "artist_names", "album_name", "is_local", "is_removed")
    assert [row[name] for name in told] == ["track", ID, "Song", ["Band"], "Album", False, False]
    assert row["added_at"] == datetime(2022, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (item(track={"trackName": "Song", "artistName": "Band"}), ("track", None, "Song", False, False)),
        ({"trackName": "Song", "artistName": "Band"}, ("track", None, "Song", False, False)),  # before 2020
        (item(episode={"episodeName": "#1", "showName": "Show", "episodeUri": f"spotify:episode:{ID}"}),
         ("episode", ID, "#1", False, False)),
        (item(track=track(trackUri=f"spotify:episode:{ID}")), ("episode", ID, "Song", False, False)),
        (item(audiobook={"audiobookName": "Book", "chapterName": "One"}), ("episode", None, "One", False, False)),
        (item(localTrack={"uri": "spotify:local:Me::My+Demo:215"}), ("track", None, "My Demo", True, False)),
        (item(localTrack={"uri": "spotify:local:broken"}), (None, None, None, False, True)),
        (item(), (None, None, None, False, True)),
        (item(track={"trackName": 7, "artistName": ["x"]}), (None, None, None, False, True)),
        (None, (None, None, None, False, True)),
        ("text", (None, None, None, False, True)),
    ],
)  # fmt: skip
def test_items_of_every_kind_and_age(entry, told):
    [row] = items_of(entry)
    assert tuple(row[name] for name in ("item_type", "item_id", "track_name", "is_local", "is_removed")) == told


def test_a_local_file_has_names_and_a_length():
    [row] = items_of(item(localTrack={"uri": "spotify:local:Bj%C3%B6rk:Deb%3Aut:A+%2B+B:215"}))
    assert (row["artist_names"], row["album_name"], row["track_name"]) == (["Björk"], "Deb:ut", "A + B")
    assert row["duration_ms"] == 215_000


def test_nobody_else_is_named():
    people = {"addedBy": "some.one.else", "added_by": {"id": "some.one.else"}}
    data = find({"playlists": [playlist(item(track=track(**people), **people), **people)]})
    assert "some.one" not in repr([(found, found.items) for found in exported_playlists(data)])
    links = ["spotify:user:some.one.else:playlist:1", "some.one.else"]
    library = {"tracks": [], "albums": [], "other": links, "people": [{"name": "some.one.else"}]}
    assert "some.one" not in repr(list(library_entries(find(library))))


def test_playlists_without_items_or_name_are_told():
    listed = [playlist(), playlist(items=None), playlist(name=None), {"name": "Old", "tracks": [track()]}, None]
    found = exported_playlists(find({"playlists": listed}))
    assert [(one.name, len(one.items), one.problem) for one in found] == [
        ("Morning", 0, None),
        ("Morning", 0, "a playlist without its items"),
        (None, 0, None),
        ("Old", 1, None),
        (None, 0, "a playlist without its items"),
    ]


def test_dates_to_come_are_not_believed():
    listed = [playlist(item(addedDate="2099-01-01"), item(addedDate=["x"]), lastModifiedDate="soon")]
    dates = find({"playlists": listed}).dates
    assert (dates.latest, dates.beyond) == (None, datetime(2099, 1, 1, tzinfo=UTC))


LIBRARY = {
    "tracks": [{"artist": "Muse", "album": "Drones", "track": "Reapers", "uri": f"spotify:track:{ID}"}],
    "albums": [{"artist": "Muse", "album": "Drones", "uri": f"spotify:album:{ID}"}],
    "shows": [{"name": "Show", "publisher": "House", "uri": f"spotify:show:{ID}"}],
    "episodes": [{"name": "#1", "show": "Show", "uri": f"spotify:episode:{ID}"}],
    "bannedTracks": [],
    "artists": [{"name": "Muse", "uri": f"spotify:artist:{ID}"}],
    "bannedArtists": ["Old Form"],
    "other": [f"spotify:track:{ID}"],
}


def test_a_library_has_entries_and_is_a_playlist_of_tracks_and_episodes():
    data = find(LIBRARY)
    names = ("section", "position", "item_type", "item_id", "name", "artist_name", "album_name")
    assert [tuple(entry[name] for name in names) for entry in library_entries(data)] == [
        ("tracks", 0, "track", ID, "Reapers", "Muse", "Drones"),
        ("albums", 0, "album", ID, "Drones", "Muse", "Drones"),
        ("shows", 0, "show", ID, "Show", "House", None),
        ("episodes", 0, "episode", ID, "#1", "Show", None),
        ("artists", 0, "artist", ID, "Muse", None, None),
        ("bannedArtists", 0, None, None, "Old Form", None, None),
        ("other", 0, "track", ID, None, None, None),
    ]
    [found] = exported_playlists(data)
    rows = [(row["item_type"], row["track_name"], row.get("show_name")) for row in found.items]
    assert rows == [("track", "Reapers", None), ("episode", "#1", "Show")]


@pytest.mark.parametrize(
    "document",
    [
        {"username": "anna", "email": "anna@example.org"},
        {"playlists": "none"},
        {"playlists": [{"id": 1}]},
        {"playlists": {"items": []}},
        {"tracks": [], "seeds": []},
        {"type": "album", "tracks": [], "artists": [], "other": []},
        {"tracks": {"items": []}, "artists": {"items": []}},
        [],
        b"",
        b"{",
        b"\x89PNG\r\n\x1a\n",
        b'{"playlists": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_files_are_none(document):
    assert find(document) is None


def test_a_byte_order_mark_and_utf16_are_read():
    text = json.dumps(LIBRARY)
    assert find(text.encode("utf-8-sig")).kind == find(text.encode("utf-16")).kind == "library"


def test_what_is_too_large_is_not_read():
    assert find_account_data(io.BytesIO(json.dumps(LIBRARY).encode()), 100, LATER) is None
