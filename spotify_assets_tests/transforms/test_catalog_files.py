"""What catalogue files tell of artists and tracks: the newest file counts, and what can't be read is null."""

import pytest

from spotify_assets.model.catalogue import SHARES
from spotify_assets_tests.conftest import utc

A1, A2 = "1" * 22, "2" * 22
T1, T2 = "3" * 22, "4" * 22


def files(feeds=("artists",), **landed):
    """Rows of `raw_catalog_files`: files and the days they were landed."""
    return [
        {"source_file": name, "landed_at": utc(f"{day} 00:00:00"), "feeds": list(feeds)}
        for name, day in landed.items()
    ]


ONE_FILE = files(a="2024-01-01")


@pytest.fixture
def artists(computed, frame):
    def artists(rows, register=ONE_FILE):
        numbered = [{"source_file": "a", "source_row": number} | row for number, row in enumerate(rows)]
        found = computed(
            "catalog_artists",
            raw_catalog_artists=frame("raw_catalog_artists", numbered),
            raw_catalog_files=frame("raw_catalog_files", register),
        )
        return sorted((row.asDict() for row in found.collect()), key=lambda row: row["artist_name"] or "")

    return artists


@pytest.fixture
def features(computed, frame):
    def features(rows, register=ONE_FILE):
        numbered = [{"source_file": "a", "source_row": number} | row for number, row in enumerate(rows)]
        found = computed(
            "catalog_features",
            raw_catalog_features=frame("raw_catalog_features", numbered),
            raw_catalog_files=frame("raw_catalog_files", register),
        )
        return sorted((row.asDict() for row in found.collect()), key=lambda row: row["track_key"])

    return features


def test_an_artist_is_told_by_id_or_by_name(artists):
    found = artists(
        [
            {"artist_ids": A1, "artist_names": "Abba", "popularity": "70", "followers": "12.0", "genres": "['Pop']"},
            {"artist_names": "Blur", "genres": "rock, britpop"},
            {"artist_names": " blur", "popularity": "60"},
            {"artist_ids": f"spotify:artist:{A2}", "genres": "[]"},
            {"genres": "rock"},
        ]
    )
    told = ("artist_id", "artist_name", "popularity", "followers", "genres")
    assert [tuple(row[name] for name in told) for row in found] == [
        (A2, None, None, None, None),
        (A1, "Abba", 70, 12, ["pop"]),
        (None, "Blur", 60, None, ["rock", "britpop"]),
    ]
    assert (found[1]["popularity_source"], found[1]["genres_source"], found[0]["genres_source"]) == ("a", "a", None)


def test_the_newest_file_counts_for_each_group_that_it_knows_and_ties_go_by_name(artists):
    rows = [
        {"source_file": "old", "artist_ids": A1, "artist_names": "ABBA", "popularity": "1", "genres": "pop"},
        {"source_file": "new", "artist_ids": A1, "artist_names": "Abba", "popularity": "2"},
        {"source_file": "also", "artist_ids": A1, "artist_names": "abba", "popularity": "3"},
    ]
    [found] = artists(rows, files(old="2023-01-01", new="2024-01-01", also="2024-01-01"))
    assert (found["artist_name"], found["popularity"], found["popularity_source"]) == ("abba", 3, "also")
    assert (found["genres"], found["genres_source"]) == (["pop"], "old")


def test_what_cant_be_read_is_unknown(artists):
    [found] = artists([{"artist_ids": A1, "popularity": "101", "followers": "-5", "genres": "set()"}])
    assert [found[name] for name in ("popularity", "followers", "genres", "popularity_source")] == [None] * 4
    assert artists([{"artist_names": "Abba", "problem": "has 5 columns, not 3"}]) == []


def test_an_artist_may_be_called_as_programs_call_what_is_missing(artists):
    assert [row["artist_name"] for row in artists([{"artist_names": "NaN"}, {"artist_names": "Null"}])] == [
        "NaN",
        "Null",
    ]


def test_with_one_id_a_name_is_that_of_one_artist(artists):
    """As in a real file."""
    names = ("Piper, Deirdre; Keillor, Elaine", "[dunkelbunt]")
    rows = [{"artist_ids": id_, "artist_names": name} for id_, name in zip((A1, A2), names, strict=True)]
    assert [row["artist_name"] for row in artists(rows)] == [*names]


def test_a_row_of_several_artists_tells_nothing_of_one(artists):
    assert artists([{"artist_ids": f"{A1},{A2}", "artist_names": "Abba;Blur", "genres": "pop"}]) == []


@pytest.mark.integration
def test_genres_are_written_to_the_lake(world):
    """Lists that Sail builds have another type than those of Delta tables."""
    world.landing.land("catalog/a.csv", b"id,name,followers,genres\n" + f"{A1},Abba,7,\"['pop', 'disco']\"\n".encode())
    world.landing.land("overrides/genres.csv", b"artist,genre\nAbba,schlager; 8D\n")
    world.refresh("catalog_artists", "catalog_features", "raw_genre_overrides", "genre_families")
    assert [row["genres"] for row in world.rows("catalog_artists")] == [["pop", "disco"]]
    assert world.rows("catalog_features") == []
    assert [tuple(row.values()) for row in world.rows("genre_families", "genre", "genre_family")] == [
        ("8d", "other"),
        ("disco", "funk_disco"),
        ("pop", "pop"),
        ("schlager", "pop"),
    ]


def test_features_are_those_of_the_newest_file_by_id_or_name(features):
    shares = dict.fromkeys(SHARES, "0.5")
    rows = [
        {"source_file": "old", "track_name": "Song", "artist_names": "A, B", "artist_count": "2", "energy": "80%"},
        {"source_file": "old", "track_id": T1, "track_name": "Song", "artist_names": "A;B", "tempo": "99", **shares},
        {"source_file": "new", "track_id": f"spotify:track:{T1}", "tempo": "120.5", "key": "-1", "mode": "1"},
        {"source_file": "old", "track_name": "Song", "energy": "0.8"},
        {"source_file": "old", "track_id": T2, "energy": "x", "tempo": "0"},
    ]
    by_id, by_name = features(rows, files(old="2023-01-01", new="2024-01-01"))
    told = ("track_id", "track_name", "artist_name", "energy", "tempo", "key", "mode", "features_source")
    assert [by_id[name] for name in told] == [T1, "Song", "A", None, 120.5, None, 1, "new"]
    assert [by_name[name] for name in told] == [None, "Song", "A", 0.8, None, None, None, "old"]
    assert by_id["recording_key"] == by_name["recording_key"]
