"""`catalog_tracks` and `catalog_tracks_rejects`: each row of a file of tracks is in one of them."""

import pytest

from spotify_assets.ingest.catalog import mirror_catalog
from spotify_assets_tests.transforms.test_catalog_files import A1, A2, ONE_FILE, T1, T2, files

pytestmark = pytest.mark.integration

B1, B2 = "5" * 22, "6" * 22
INPUTS = ("raw_catalog_tracks", "raw_catalog_albums", "raw_catalog_artists", "raw_catalog_features")
ARTIST = {
    "artist_ids": A1,
    "artist_names": "Abba",
    "popularity": "70",
    "followers": "12",
    "genres": "['pop', 'disco']",
}
ALBUM = {
    "album_id": B1,
    "album_name": "Gold",
    "artist_ids": A1,
    "album_type": "compilation",
    "popularity": "50",
    "label": "Polar",
    "total_tracks": "19",
    "release_date": "1992-09-21 00:00:00 UTC",
    "track_id": T1,
    "track_name": "Dancing Queen",
    "track_number": "1",
    "duration_ms": "230000",
}
TRACK = {"track_id": T1, "popularity": "80", "explicit": "False"}


@pytest.fixture
def join(computed, frame):
    """Tracks by key and reasons by file and row, of rows of each kind of file."""

    def join(tracks, albums=(), artists=(), features=(), register=ONE_FILE):
        rows = dict(zip(INPUTS, (tracks, albums, artists, features), strict=True))
        raw = {
            table: frame(
                table,
                [{"source_file": "a", "source_row": number} | row for number, row in enumerate(of_table)],
            )
            for table, of_table in rows.items()
        } | {"raw_catalog_files": frame("raw_catalog_files", register)}
        known = {
            table: frame(
                table, [row.asDict() for row in computed(table, **{source: raw[source] for source in of}).collect()]
            )
            for table, of in (
                ("catalog_artists", ("raw_catalog_artists", "raw_catalog_files")),
                ("catalog_features", ("raw_catalog_features", "raw_catalog_files")),
                ("catalog_albums", ("raw_catalog_albums", "raw_catalog_files")),
            )
        }
        given = raw | known
        shared = (
            "raw_catalog_tracks", "raw_catalog_albums", "catalog_albums", "catalog_artists", "raw_catalog_files",
        )  # fmt: skip
        joined = computed("catalog_tracks", **{name: given[name] for name in (*shared, "catalog_features")}).collect()
        given["catalog_tracks"] = frame("catalog_tracks", [row.asDict() for row in joined])
        rejects = computed(
            "catalog_tracks_rejects", **{name: given[name] for name in (*shared, "catalog_tracks")}
        ).collect()
        assert len(joined) + len(rejects) == len(tracks)
        return (
            {row["track_key"]: row.asDict() for row in joined},
            {(row["source_file"], row["source_row"]): row["reason"] for row in rejects},
        )

    return join


def test_the_files_of_the_tutorials(join):
    """Names and lengths of tracks are in the file of albums, what is missing in it is in that of tracks."""
    features = {"track_id": T1, "energy": "0.9", "tempo": "101.5", "key": "9", "mode": "1"}
    joined, rejects = join([TRACK], [ALBUM], [ARTIST], [features])
    assert rejects == {}
    assert {name: value for name, value in joined[T1].items() if value is not None} == {
        "track_key": T1,
        "track_id": T1,
        "track_name": "Dancing Queen",
        "catalog_artist_key": A1,
        "artist_name": "Abba",
        "artist_popularity": 70,
        "followers": 12,
        "genres": ["pop", "disco"],
        "genre": "pop",
        "album_id": B1,
        "album_name": "Gold",
        "album_type": "compilation",
        "album_popularity": 50,
        "label": "Polar",
        "total_tracks": 19,
        "release_date": joined[T1]["release_date"],
        "release_date_precision": "day",
        "release_year": 1992,
        "track_number": 1,
        "duration_ms": 230_000,
        "explicit": False,
        "popularity": 80,
        "energy": 0.9,
        "tempo": 101.5,
        "key": 9,
        "mode": 1,
        "source_file": "a",
        "source_row": 0,
    }
    assert f"{joined[T1]['release_date']}" == "1992-09-21"


def test_each_reason_in_its_order(join):
    other = ALBUM | {"album_id": B2, "artist_ids": A2, "track_id": T2}
    tracks = [
        {"problem": "3 columns instead of 4"},
        {"track_id": "short", "popularity": "1"},
        {"track_id": T1, "popularity": "high"},
        {"popularity": "1"},
        {"track_id": "7" * 22, "popularity": "1"},
        {"track_id": T2, "popularity": "1"},
        TRACK,
        TRACK | {"popularity": "1"},
    ]
    joined, rejects = join(tracks, [ALBUM, other], [ARTIST])
    assert [rejects.get(("a", number)) for number in range(len(tracks))] == [
        "unreadable",
        "bad_value",
        "bad_value",
        "bad_value",
        "no_album",
        "no_artist",
        None,
        "duplicate_id",
    ]
    assert (joined.keys(), joined[T1]["popularity"]) == ({T1}, 80)


def test_of_several_albums_the_earliest_then_the_album(join):
    def chosen(*albums):
        joined, _ = join([TRACK], [ALBUM | album for album in albums], [ARTIST])
        return joined[T1]["album_id"]

    early, late = {"release_date": "1976"}, {"release_date": "1992-09-21"}
    first, second = {"album_id": B1}, {"album_id": B2}
    assert chosen(first | late, second | early) == B2
    assert chosen(first | late | {"album_type": "single"}, second | late | {"album_type": "album"}) == B2
    assert chosen(second | late | {"album_type": "album"}, first | late | {"album_type": "album"}) == B1
    assert chosen(first | {"release_date": None}, second | late) == B2


def test_the_newest_file_tells_a_track(join):
    register = files(a="2024-01-01", b="2024-02-01")
    newer = TRACK | {"source_file": "b", "popularity": "5"}
    joined, rejects = join([TRACK, newer], [ALBUM], [ARTIST], register=register)
    assert (joined[T1]["popularity"], joined[T1]["source_file"]) == (5, "b")
    assert rejects == {("a", 0): "duplicate_id"}


def test_without_ids_by_names(join):
    """A file of hits names artist, track and album; two artists have the name, one has more followers."""
    track = {"track_name": "SOS", "artist_names": "ABBA", "album_name": "Abba", "genres": "rock, pop"}
    album = {"album_name": "ABBA", "artist_names": "Abba", "release_year": "1975"}
    known = [{"artist_ids": A2, "artist_names": "abba", "followers": "1"}, ARTIST | {"genres": None}]
    joined, rejects = join([track], [album], known)
    assert rejects == {}
    [row] = joined.values()
    assert (row["track_id"], row["catalog_artist_key"], row["genres"]) == (None, A1, ["rock", "pop"])
    assert (f"{row['release_date']}", row["release_date_precision"]) == ("1975-01-01", "year")


def test_an_id_of_an_artist_is_not_replaced_by_a_name(join):
    track = TRACK | {"artist_ids": A2, "artist_names": "Abba"}
    assert join([track], [ALBUM], [ARTIST])[1] == {("a", 0): "no_artist"}


def test_all_artists_of_a_track_in_order(join):
    track = TRACK | {"artist_ids": f"['{A1}', 'spotify:artist:{A2}']", "artist_names": "['Abba', 'Blur']"}
    joined, _ = join([track], [ALBUM], [ARTIST])
    assert (joined[T1]["artist_ids"], joined[T1]["artist_names"]) == ([A1, A2], ["Abba", "Blur"])


def test_nothing_of_nothing(join):
    assert join([]) == ({}, {})


ARTISTS_CSV = f"""id,name,artist_popularity,artist_genres,followers,genre_0
{A1},Abba,70,"['pop', 'europop']",12,pop
"""
ALBUMS_CSV = f"""track_name,track_id,track_number,duration_ms,album_type,artists,total_tracks,album_name,release_date,\
label,album_popularity,album_id,artist_id,artist_0,duration_sec
Dancing Queen,{T1},1,230000,album,[],10,Arrival,1976-10-11 00:00:00 UTC,Polar,60,{B1},{A1},Abba,230
"""
TRACKS_CSV = f"id,track_popularity,explicit\n{T1},80,False\n{T2},1,True\n"
FEATURES_CSV = f"danceability,energy,id,type,duration_ms,time_signature\n0.5,0.9,{T1},audio_features,230000,4\n"


def test_from_files_to_tables(world):
    """On tables of the lake: engines plan a scan of these otherwise than literal rows."""
    for name, content in (("a", ARTISTS_CSV), ("b", ALBUMS_CSV), ("t", TRACKS_CSV), ("f", FEATURES_CSV)):
        world.landing.land(f"catalog/{name}.csv", content.encode())
    mirror_catalog(world.landing, world.lake, world.settings)
    for table in ("catalog_artists", "catalog_features", "catalog_albums", "catalog_tracks", "catalog_tracks_rejects"):
        world.frames.write(table, world.frames.compute(table), ())
    [track] = world.rows("catalog_tracks")
    assert (track["track_name"], track["album_name"], track["artist_name"]) == ("Dancing Queen", "Arrival", "Abba")
    assert (track["genres"], track["energy"], f"{track['release_date']}") == (["pop", "europop"], 0.9, "1976-10-11")
    assert [(row["track_id"], row["reason"]) for row in world.rows("catalog_tracks_rejects")] == [(T2, "no_album")]
    # The same again gives the same rows, also where rows are replaced.
    world.frames.write("catalog_tracks", world.frames.compute("catalog_tracks"), ())
    assert world.rows("catalog_tracks") == [track]
