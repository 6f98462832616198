"""`catalog_albums` and `catalog_track_metadata`: what files tell under an id, and under names."""

import pytest

from spotify_assets_tests.transforms.test_catalog_files import A1, ONE_FILE, T1, T2, files

B1 = "5" * 22


@pytest.fixture
def tell(computed, frame):
    """Rows of a table by key, of rows of raw tables."""

    def tell(table, register=ONE_FILE, **raw):
        rows = {
            name: frame(
                name, [{"source_file": "a", "source_row": number} | row for number, row in enumerate(of_table)]
            )
            for name, of_table in raw.items()
        }
        key = f"{table.replace('_metadata', '').rstrip('s')}_key"
        found = computed(table, raw_catalog_files=frame("raw_catalog_files", register), **rows).collect()
        return {row[key]: {k: v for k, v in row.asDict().items() if v is not None} for row in found}

    return tell


@pytest.fixture
def tell_tracks(tell):
    def tell_tracks(tracks=(), albums=(), register=ONE_FILE):
        return tell("catalog_track_metadata", register, raw_catalog_tracks=tracks, raw_catalog_albums=albums)

    return tell_tracks


TRACK = {
    "track_id": T1,
    "track_name": "Song",
    "artist_names": "Band; Guest",
    "popularity": "61",
    "duration_ms": "200000",
    "explicit": "True",
    "release_year": "1999",
    "isrc": "SEAYD7601020",
    "genres": "Rock, pop",
}


def test_a_track_is_told_under_its_id_and_its_names(tell_tracks):
    told = tell_tracks([TRACK])
    [by_name] = told.keys() - {T1}
    assert by_name.startswith("name:")
    assert told[T1] | {"catalog_track_key": by_name} == told[by_name]
    assert {name: value for name, value in told[T1].items() if not name.endswith("_source")} == {
        "catalog_track_key": T1,
        "popularity": 61,
        "duration_ms": 200_000,
        "explicit": True,
        "isrc": "SEAYD7601020",
        "release_date": told[T1]["release_date"],
        "release_date_precision": "year",
        "genres": ["rock", "pop"],
    }
    assert f"{told[T1]['release_date']}" == "1999-01-01"


def test_each_group_is_of_the_newest_file_that_has_it(tell_tracks):
    older = {"track_id": T1, "popularity": "1", "duration_ms": "5", "isrc": "X", "source_file": "a"}
    newer = {"track_id": T1, "popularity": "2", "explicit": "False", "source_file": "b"}
    [told] = tell_tracks([older, newer], register=files(a="2024-01-01", b="2024-02-01")).values()
    assert told == {
        "catalog_track_key": T1,
        "popularity": 2,
        "popularity_source": "b",
        # Length and flag are one group: a length of another file could be that of another edition.
        "explicit": False,
        "recording_source": "b",
        "isrc": "X",
        "isrc_source": "a",
    }


def test_names_find_what_other_ids_of_the_recording_tell(tell_tracks):
    other = TRACK | {"track_id": T2, "popularity": "70", "artist_names": "BAND"}
    told = tell_tracks([TRACK | {"popularity": None}, other])
    [by_name] = told.keys() - {T1, T2}
    assert (told[by_name]["popularity"], told[T2]["popularity"], "popularity" in told[T1]) == (70, 70, False)


def test_the_earliest_album_where_no_file_of_tracks_has_a_date(tell_tracks):
    on = {"track_id": T1, "album_id": B1, "artist_ids": A1}
    albums = [
        on | {"release_date": "2005-01-01", "duration_ms": "7"},
        on | {"release_date": "1976-10", "album_id": "6" * 22},
        on | {"release_date": "soon"},
    ]
    told = tell_tracks([{"track_id": T1, "popularity": "1"}], albums, files(a="2024-01-01", feeds=["albums"]))
    assert (f"{told[T1]['release_date']}", told[T1]["release_date_precision"]) == ("1976-10-01", "month")
    assert told[T1]["duration_ms"] == 7
    own = tell_tracks([{"track_id": T1, "release_date": "2011"}], albums)
    assert f"{own[T1]['release_date']}" == "2011-01-01"


def test_values_that_are_none_are_not_told(tell_tracks):
    told = tell_tracks(
        [
            {"track_id": T1, "popularity": "high", "explicit": "maybe", "release_year": "0", "isrc": "nan"},
            {"track_id": T2, "isrc": "SE-AYD-76-01020, SE-AYD-76-01021"},
        ]
    )
    assert told == {T1: {"catalog_track_key": T1}, T2: {"catalog_track_key": T2}}
    assert tell_tracks([{"track_id": "short"}, {"track_name": "Song"}]) == {}


def test_an_album_is_told_under_its_id_and_its_names(tell):
    album = {
        "album_id": B1,
        "album_name": "Gold",
        "artist_names": "Abba",
        "artist_ids": A1,
        "album_type": "Compilation",
        "total_tracks": "19",
        "label": "Polar",
        "popularity": "50",
        "release_date": "1992-09-21 00:00:00 UTC",
    }
    no_label = {"album_id": B1, "label": "nan", "popularity": "51", "source_file": "b"}
    told = tell("catalog_albums", files(a="2024-01-01", b="2024-02-01"), raw_catalog_albums=[album, no_label])
    [by_name] = told.keys() - {B1}
    assert (told[B1]["popularity"], told[B1]["popularity_source"]) == (51, "b")
    assert (told[by_name]["popularity"], told[by_name]["album_id"]) == (50, B1)
    assert f"{told[B1]['release_date']}" == "1992-09-21"
    assert {name: told[B1][name] for name in ("album_type", "total_tracks", "label", "label_source")} == {
        "album_type": "compilation",
        "total_tracks": 19,
        "label": "Polar",
        "label_source": "a",
    }
