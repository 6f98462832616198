"""Catalogue files: which tables a header feeds, and their rows as text."""

import io

import pytest

from spotify_assets.readers.catalog import NoCatalogError, find_tables, read_catalog
from spotify_assets.readers.errors import UnreadableError

ARTISTS, ALBUMS, TRACKS, FEATURES = (f"raw_catalog_{kind}" for kind in ("artists", "albums", "tracks", "features"))
F = "danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo"
# Headers of files that people have, and what they feed.
HEADERS = {
    "id,name,artist_popularity,artist_genres,followers,genre_0,genre_1,genre_2": {ARTISTS},
    "id,name,artist_popularity,followers,genre": {ARTISTS},
    "id,followers,genres,name,popularity": {ARTISTS},
    "track_name,track_id,track_number,duration_ms,album_type,artists,total_tracks,album_name,release_date,label,"
    "album_popularity,album_id,artist_id,artist_0,artist_1,duration_sec": {ALBUMS},
    "album_id,album_name,album_popularity,release_date,label,artist_id,track_id,duration_sec": {ALBUMS},
    "id,name,album_type,total_tracks,release_date": {ALBUMS},
    "id,track_popularity,explicit": {TRACKS},
    "track_id,track_popularity": {TRACKS},
    f"{F},type,id,uri,track_href,analysis_url,duration_ms,time_signature": {FEATURES},
    f",track_id,artists,album_name,track_name,popularity,duration_ms,explicit,{F},time_signature,track_genre": {
        ALBUMS,
        TRACKS,
        FEATURES,
    },
    f"id,name,popularity,duration_ms,explicit,artists,id_artists,release_date,{F},time_signature": {TRACKS, FEATURES},
    f"id,name,album,album_id,artists,artist_ids,track_number,disc_number,explicit,{F},duration_ms,time_signature,"
    "year,release_date": {ALBUMS, TRACKS, FEATURES},
    "valence,year,acousticness,artists,danceability,duration_ms,energy,explicit,id,instrumentalness,key,liveness,"
    "loudness,mode,name,popularity,release_date,speechiness,tempo": {TRACKS, FEATURES},
    f"artist,song,duration_ms,explicit,year,popularity,{F},genre": {TRACKS, FEATURES},
    "track_name,artist(s)_name,artist_count,released_year,released_month,released_day,streams,bpm,key,mode,"
    "danceability_%,valence_%,energy_%": {TRACKS, FEATURES},
    "track_name,artist(s)_name,artist_count,released_year,released_month,released_day,streams": {TRACKS},
    "track_id,track_name,track_artist,track_popularity,track_album_id,track_album_name,track_album_release_date,"
    f"playlist_name,playlist_id,playlist_genre,playlist_subgenre,{F},duration_ms": {ALBUMS, TRACKS, FEATURES},
    "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,"
    "Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Time Signature": {ALBUMS, TRACKS, FEATURES},
    "Track URI,Track Name,Artist URI(s),Artist Name(s),Album URI,Album Name,Album Release Date,ISRC,Added By,Added At,"
    "Artist Genres": {ARTISTS, ALBUMS, TRACKS},
    # No catalogue: names alone, other data, and listening history.
    "id,name": set(),
    "name,age,city": set(),
    "track_name,artist_name": set(),
    "ts,platform,ms_played,spotify_track_uri,track_name,artist_name,album_name": set(),
    "endTime,artistName,trackName,msPlayed": set(),
}


def read(content: str | bytes) -> dict[str, list[dict]]:
    """Rows of each table, without what is null."""
    found = read_catalog(io.BytesIO(content.encode() if isinstance(content, str) else content))
    rows: dict[str, list[dict]] = {table: [] for table in found.tables}
    for block in found.blocks:
        for table, part in block.items():
            rows[table] += [
                {name: value for name, value in row.items() if value is not None} for row in part.to_pylist()
            ]
    return rows


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header[:40])
def test_a_header_decides_what_a_file_feeds(header):
    assert set(find_tables(header.split(","))) == HEADERS[header]


@pytest.mark.parametrize("spell", [str.upper, lambda header: header.replace("_", " ").title()])
def test_case_blanks_and_underscores_of_a_header_make_no_difference(spell):
    for header, fed in HEADERS.items():
        assert set(find_tables(spell(header).split(","))) == fed, header


def test_id_name_and_popularity_are_those_of_what_the_rows_are():
    tracks = read("id,name,popularity,artists,explicit\nT1,Song,70,Band,0\n")
    artists = read("id,name,popularity,followers,genres\nA1,Band,60,12.0,\"['rock', 'pop']\"\n")
    albums = read("id,name,popularity,album_type\nB1,Album,50,single\n")
    assert tracks[TRACKS] == [
        {
            "source_row": 0,
            "track_id": "T1",
            "track_name": "Song",
            "artist_names": "Band",
            "popularity": "70",
            "explicit": "0",
        }
    ]
    assert artists[ARTISTS] == [
        {
            "source_row": 0,
            "artist_ids": "A1",
            "artist_names": "Band",
            "popularity": "60",
            "followers": "12.0",
            "genres": "['rock', 'pop']",
        }
    ]
    assert albums[ALBUMS] == [
        {"source_row": 0, "album_id": "B1", "album_name": "Album", "popularity": "50", "album_type": "single"}
    ]


def test_numbered_columns_are_one_list_where_there_is_no_other():
    header = "id,name,artist_popularity,followers,genre_0,genre_1,genre_2"
    assert [row.get("genres") for row in read(f"{header}\n1,A,2,3,rock,pop,\n2,B,2,3,,,\n")[ARTISTS]] == [
        "rock;pop",
        None,
    ]
    both = read("id,name,followers,artist_genres,genre_0\n1,A,3,\"['rock', 'pop']\",rock\n")
    assert both[ARTISTS][0]["genres"] == "['rock', 'pop']"


def test_percentages_and_beats_a_minute_are_features():
    header = "track_name,artist(s)_name,artist_count,released_year,bpm,danceability_%,energy_%"
    [row] = read(f'{header}\nSeven,"A, B",2,2023,125,80,83\n')[FEATURES]
    assert (row["tempo"], row["danceability"], row["energy"]) == ("125", "80%", "83%")


def test_artists_with_commas_are_several_unless_another_column_says_how_many():
    """`Tyler, The Creator` is one."""
    header = "Track URI,Track Name,Artist Name(s),{}Explicit"
    alone = read(header.format("") + '\nT1,Song,"A, B",true\n')
    with_ids = read(header.format("Artist URI(s),") + '\nT1,Song,"Tyler, The Creator",X1,true\n')
    assert alone[TRACKS][0]["artist_names"] == "A;B"
    assert with_ids[TRACKS][0]["artist_names"] == "Tyler, The Creator"


def test_who_added_a_track_to_a_playlist_is_not_read():
    header = "Track URI,Track Name,Artist Name(s),Album Name,Explicit,Added By,Added At"
    assert "somebody" not in repr(read(f"{header}\nT1,Song,Band,Album,true,somebody,2024-01-01\n"))


@pytest.mark.parametrize(
    "content",
    [
        "id,name,followers\nA1,Björk,7\n".encode(),
        "id,name,followers\nA1,Björk,7\n".encode("utf-8-sig"),
        "id,name,followers\nA1,Björk,7\n".encode("utf-16"),
        "id,name,followers\nA1,Björk,7\n".encode("latin-1"),
        "id;name;followers\r\nA1;Björk;7\r\n".encode(),
        "id\tname\tfollowers\nA1\tBjörk\t7\n".encode(),
        "sep=|\nid|name|followers\nA1|Björk|7\n".encode(),
        '"id","name","followers"\n"A1"," Bjo\u0308rk ","7"\n'.encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "latin-1", "semicolon", "tab", "sep", "decomposed"],
)
def test_encodings_and_separators(content):
    assert read(content)[ARTISTS] == [{"source_row": 0, "artist_ids": "A1", "artist_names": "Björk", "followers": "7"}]


def test_each_line_has_its_own_encoding():
    content = "id,name,followers\n1,Björk,7\n".encode() + "2,Señor€,8\n".encode("cp1252")
    assert [row["artist_names"] for row in read(content)[ARTISTS]] == ["Björk", "Señor€"]


def test_a_row_that_cant_be_split_has_a_reason_and_the_others_are_read():
    content = 'id,name,followers\nA1,"Band,7\nA2,Other,8,9,10\n\nA3,Third,5\n'
    assert read(content)[ARTISTS] == [
        {"source_row": 0, "problem": "row, 10 characters: has a quote that is never closed"},
        {"source_row": 1, "problem": "row, 15 characters: has 5 columns, not 3"},
        {"source_row": 2, "artist_ids": "A3", "artist_names": "Third", "followers": "5"},
    ]


def test_a_file_of_several_kinds_feeds_each_with_the_same_row_numbers():
    header = f"track_id,artists,album_name,track_name,popularity,explicit,{F},track_genre"
    features = ",".join(["0.5"] * 11)
    rows = read(f"{header}\nT1,A;B,Album,Song,70,False,{features},rock\nT2,,,,,,{',' * 10},\n")
    assert rows[TRACKS] == [
        {
            "source_row": 0,
            "track_id": "T1",
            "track_name": "Song",
            "artist_names": "A;B",
            "album_name": "Album",
            "popularity": "70",
            "explicit": "False",
            "genres": "rock",
        },
        {"source_row": 1, "track_id": "T2"},
    ]
    assert rows[ALBUMS][0]["album_name"] == "Album"
    assert rows[FEATURES][0]["valence"] == "0.5"
    assert {len(part) for part in rows.values()} == {2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"colour,size\nred,7\n", "its header is none of a catalogue: colour,size"),
        (b"colours are many,\x1b[31msize\nred,7\n", "colours are many,\\x1b[31msize"),
        (b"ts,ms_played,track_name\n", "it is listening history; move it to history/NAME/"),
        (b'{"playlists": []}', "it is JSON"),
        (b"PAR1....", "it is Parquet"),
    ],
    ids=["other", "controls", "history", "json", "parquet"],
)
def test_a_file_that_is_no_catalogue_is_told_with_its_header(content, told):
    with pytest.raises(NoCatalogError) as error:
        read(content)
    assert told in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_file_that_is_no_text_is_unreadable(content):
    with pytest.raises(UnreadableError):
        read(content)


def test_a_header_alone_has_no_rows():
    assert read("id,name,followers\n") == {ARTISTS: []}
