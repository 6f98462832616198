"""Exportify's files of several generations: what is taken of them, and what isn't."""

import io
from datetime import UTC, date, datetime

import pytest

from spotify_assets.readers.catalog import NoCatalogError, read_catalog
from spotify_assets.readers.clock import Believed
from spotify_assets.readers.exportify import MAX_ITEMS, exportify_items, is_exportify, times_added

LATER = datetime(2030, 1, 1, tzinfo=UTC)
ID, ARTIST, SECOND, ALBUM = (letter * 22 for letter in "abcd")
OLD = (
    "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,"
    "Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,"
    "Valence,Tempo,Time Signature"
)
OLD_ROW = (
    f'spotify:track:{ID},"Song, live",Album,"Band,Other",2020-02,200000,61,false,some.one,2021-03-05T10:00:00Z,'
    '"rock,pop",Label,0.5,0.5,1,-5,1,0.1,0.1,0,0.1,0.5,120,4'
)
NEW = (
    '"Track URI","Track Name","Artist URI(s)","Artist Name(s)","Album URI","Album Name","Album Artist URI(s)",'
    '"Album Artist Name(s)","Album Release Date","Album Image URL","Disc Number","Track Number","Track Duration (ms)",'
    '"Track Preview URL","Explicit","Popularity","ISRC","Added By","Added At","Artist Genres"'
)
NEW_ROW = (
    f'"spotify:track:{ID}","Song","spotify:artist:{ARTIST}, spotify:artist:{SECOND}","Band\\, The, Other",'
    f'"spotify:album:{ALBUM}","Album","spotify:artist:{ARTIST}","Band\\, The","2020-02-29","https://i.scdn.co/image/x",'
    '"1","3","200000","","true","61","USX9P2000001","spotify:user:some.one","2021-03-06T10:00:00Z","rock, pop"'
)
LOCAL_ROW = (
    '"spotify:local:Me::My+Demo:231","My Demo","","Me","","","","","","","0","0","231000","","false","0","",'
    '"spotify:user:some.one","2020-04-13T16:47:23Z",""'
)


def file(*lines, encoding="utf-8"):
    return io.BytesIO("\n".join(lines).encode(encoding))


def test_the_older_header():
    [row] = exportify_items(file(OLD, OLD_ROW))
    told = (
        "item_type",
        "item_id",
        "track_name",
        "artist_names",
        "album_name",
        "popularity",
        "explicit",
        "duration_ms",
    )
    assert [row[name] for name in told] == ["track", ID, "Song, live", ["Band", "Other"], "Album", 61, False, 200_000]
    assert (row["release_date"], row["release_date_precision"]) == (date(2020, 2, 1), "month")
    assert row["added_at"] == datetime(2021, 3, 5, 10, tzinfo=UTC)


def test_the_newer_header():
    [row] = exportify_items(file(NEW, NEW_ROW))
    told = (
        "item_id",
        "artist_ids",
        "artist_names",
        "album_id",
        "album_artist_name",
        "isrc",
        "disc_number",
        "explicit",
    )
    names = ["Band, The", "Other"]
    assert [row[name] for name in told] == [ID, [ARTIST, SECOND], names, ALBUM, names[0], "USX9P2000001", 1, True]
    assert (row["image_url"], row["release_date"]) == ("https://i.scdn.co/image/x", date(2020, 2, 29))


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Spotify ID,Artist IDs,Track Name,Album Name,Artist Name(s),Added By,Added At",
         f"{ID},{ARTIST},Song,Album,Band,some.one,2021-03-05T10:00:00Z"),
        ('"Track URI","Track Name","Artist URI","Artist Name","Added By","Added At"',
         f'"spotify:track:{ID}","Song","spotify:artist:{ARTIST}","Band","","2021-03-05T10:00:00Z"'),
        ("track_uri;track_name;artist_name;added_at", f"spotify:track:{ID};Song;Band;2021-03-05 10:00"),
    ],
)  # fmt: skip
def test_further_spellings(header, row):
    [item] = exportify_items(file(header, row))
    assert (item["item_id"], item["track_name"], item["artist_names"]) == (ID, "Song", ["Band"])
    assert item["added_at"] == datetime(2021, 3, 5, 10, tzinfo=UTC)


def test_local_files_episodes_and_what_is_gone():
    episode = f'"spotify:episode:{ID}","#1","","","","Show","","","","","","","","","","","","some.one","",""'
    gone = '"","","","","","","","","","","","","","","","","","some.one","2020-01-01T00:00:00Z",""'
    rows = exportify_items(file(NEW, LOCAL_ROW, episode, gone, '"open,Band'))
    told = ("item_type", "item_id", "track_name", "is_local", "is_removed")
    assert [tuple(row[name] for name in told) for row in rows] == [
        ("track", None, "My Demo", True, False),
        ("episode", ID, "#1", False, False),
        (None, None, None, False, True),
        (None, None, None, False, True),
    ]
    assert rows[0]["duration_ms"] == 231_000
    assert rows[1]["show_name"] == "Show"


def test_who_added_an_item_is_nowhere():
    for lines in ((OLD, OLD_ROW), (NEW, NEW_ROW, LOCAL_ROW)):
        assert "some.one" not in repr(exportify_items(file(*lines)))
        blocks = [table.to_pylist() for block in read_catalog(file(*lines)).blocks for table in block.values()]
        assert blocks
        assert "some.one" not in repr(blocks)


def test_the_last_addition_dates_a_file():
    last = datetime(2021, 3, 6, 10, tzinfo=UTC)
    assert times_added(file(NEW, NEW_ROW, LOCAL_ROW), LATER) == Believed(last)
    found = times_added(file(NEW, NEW_ROW, LOCAL_ROW), datetime(2021, 1, 1, tzinfo=UTC))
    assert (found.latest.year, found.beyond) == (2020, last)
    assert times_added(file(NEW, NEW_ROW.replace("2021-03-06T10:00:00Z", "soon")), LATER) == Believed()
    assert times_added(file(NEW, encoding="utf-8-sig"), LATER) == Believed()


def test_other_files_are_no_playlists():
    header = "id,name,artists,explicit"
    assert not is_exportify(header.split(","))
    assert times_added(file(header, "1,Song,Band,0"), LATER) is None
    assert times_added(io.BytesIO(), LATER) is None
    assert times_added(file(NEW, *[NEW_ROW] * (MAX_ITEMS + 1)), LATER) is None
    with pytest.raises(NoCatalogError):
        exportify_items(file(header))


def test_names_in_a_catalogue_keep_their_comma():
    [block] = read_catalog(file(OLD, OLD_ROW.replace('"Band,Other"', '"Band\\, The,Other"'))).blocks
    assert block["raw_catalog_tracks"]["artist_names"].to_pylist() == ["Band, The;Other"]
