"""Attributes of dimensions from catalogue files: by id, then by names, after the Web API."""

import itertools
import random
from datetime import date

import pytest
from pyspark.sql import functions as F

from spotify_assets.transforms.keys import name_key
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_metrics import partials, played

__all__ = ["partials"]  # a fixture

A1, A2, A3 = "1" * 22, "2" * 22, "3" * 22
T1, T2, B1 = "4" * 22, "5" * 22, "6" * 22
SONG = {"track_name": "Song", "album_name": "First"}


@pytest.fixture
def content(partials):
    return lambda *rows: partials(rows)["monthly_content"]


@pytest.fixture
def known(computed, frame):
    """Attributes that are known of a dimension's only row."""

    def known(table, monthly_content, **inputs):
        frames = {name: frame(name, rows) for name, rows in inputs.items()}
        found = computed(table, monthly_content=monthly_content, **frames).collect()
        [row] = [row.asDict() for row in found if row[0] not in (-1, -2, "unknown", "not_applicable")]
        return {name: value for name, value in row.items() if value is not None}

    return known


@pytest.fixture
def named(spark):
    """`name_key` of an artist and a name."""
    return lambda artist, name: spark.range(1).select(name_key(F.lit(artist), F.lit(name))).collect()[0][0]


def metadata(key, **values):
    sources = {"popularity": "popularity", "duration_ms": "recording", "isrc": "isrc", "release_date": "release"}
    told = {f"{sources[name]}_source": values["file"] for name in values if name in sources}
    return {"catalog_track_key": key} | {name: value for name, value in values.items() if name != "file"} | told


def test_a_track_is_found_by_its_id_and_each_group_that_it_lacks_by_names(content, known, named):
    by_id = metadata(T1, popularity=61, file="ids.csv")
    by_name = metadata(
        named("Band", "Song"),
        popularity=1,
        duration_ms=200_000,
        explicit=True,
        isrc="X",
        release_date=date(1999, 1, 1),
        file="names.csv",
    )
    features = {"track_key": named("band", "SONG "), "energy": 0.5, "tempo": 120.0, "key": 3, "features_source": "f"}
    features["recording_key"] = 1
    row = known(
        "dim_track",
        content(played("2024-01-01 12:00:00", T1, "Band", **SONG)),
        catalog_track_metadata=[by_id, by_name],
        catalog_features=[features],
    )
    assert {name: row[name] for name in ("popularity", "popularity_source")} == {
        "popularity": 61,
        "popularity_source": "ids.csv",
    }
    assert (row["duration_ms"], row["explicit"], row["recording_source"]) == (200_000, True, "names.csv")
    assert (row["isrc"], row["isrc_source"], row["release_year"], row["release_source"]) == (
        "X", "names.csv", 1999, "names.csv",
    )  # fmt: skip
    assert (row["energy"], row["tempo"], row["key"], row["features_source"]) == (0.5, 120.0, 3, "f")


def test_audio_features_of_the_api_come_before_those_of_files(content, known):
    response = {"track_id": T1, "is_found": True}
    of_file = {"track_key": T1, "recording_key": 1, "energy": 0.5, "tempo": 120.0, "features_source": "a.csv"}
    for told, expected in (
        ({"energy": 0.25, "key": 3}, (0.25, None, 3, "api")),
        ({}, (0.5, 120.0, None, "a.csv")),
    ):
        row = known(
            "dim_track",
            content(played("2024-01-01 12:00:00", T1, "Band", **SONG)),
            audio_features_metadata=[response | told, {"track_id": T2, "is_found": True, "energy": 1.0}],
            catalog_features=[of_file],
        )
        assert tuple(map(row.get, ("energy", "tempo", "key", "features_source"))) == expected


def test_the_api_comes_first_group_by_group(content, known):
    catalogue = {
        "track_key": T1, "spelling_key": 1, "recording_key": 1, "track_name": "Song", "artist_name": "Band",
        "duration_ms": 5, "release_date": date(2001, 1, 1), "release_date_precision": "day",
        "seen_at": utc("2024-01-01 00:00:00"),
    }  # fmt: skip
    told = metadata(T1, popularity=61, duration_ms=7, explicit=True, release_date=date(1999, 1, 1), file="a.csv")
    row = known(
        "dim_track",
        content(played("2024-01-01 12:00:00", T1, "Band", **SONG)),
        track_catalogue=[catalogue],
        catalog_track_metadata=[told],
    )
    # `explicit` belongs to the length: that of a file may be of another edition.
    assert (row["duration_ms"], row["recording_source"], "explicit" in row) == (5, "api", False)
    assert (row["release_year"], row["release_source"]) == (2001, "api")
    assert (row["popularity"], row["popularity_source"]) == (61, "a.csv")


def artist(key, **values):
    told = {
        f"{group}_source": "a.csv"
        for group, names in (("popularity", ("popularity", "followers")), ("genres", ("genres",)))
        if set(names) & values.keys()
    }
    return {"catalog_artist_key": key, "artist_key": 0} | values | told


def test_an_artist_is_found_by_name_and_of_several_the_best_known_counts(content, computed, known, frame):
    [mine] = [
        row["artist_key"]
        for row in computed("dim_artist", monthly_content=content(played("2024-01-01 12:00:00", T1, "Band"))).collect()
        if row["artist_name"] == "Band"
    ]
    files = [
        artist(A1, artist_key=mine, followers=5, popularity=9, genres=["polka"]),
        artist(A2, artist_key=mine, followers=1_000, popularity=70),
        artist(A3, artist_key=mine + 1, followers=9_999_999, popularity=99, genres=["pop"]),
    ]
    row = known("dim_artist", content(played("2024-01-01 12:00:00", T1, "Band")), catalog_artists=files)
    assert (row["popularity"], row["followers"], row["popularity_source"]) == (70, 1_000, "a.csv")
    assert (row["genres"], row["genres_source"]) == ("polka", "a.csv")


def test_an_artist_with_an_id_is_that_artist_whoever_shares_the_name(content, known):
    response = {"artist_id": A1, "is_found": True, "artist_name": "Band"}
    files = [artist(A1, genres=["polka", "folk, old"])]
    row = known(
        "dim_artist",
        content(played("2024-01-01 12:00:00", T1, "Band")),
        artist_metadata=[response],
        catalog_artists=files,
    )
    assert row["genres"] == "polka, folk, old"
    row = known(
        "dim_artist",
        content(played("2024-01-01 12:00:00", T1, "Band")),
        artist_metadata=[response | {"genres": ["rock"], "followers": 3}],
        catalog_artists=[artist(A1, genres=["polka"], popularity=4)],
    )
    assert (row["genres"], row["genres_source"]) == ("rock", "api")
    assert (row["followers"], "popularity" in row, row["popularity_source"]) == (3, False, "api")


def test_genres_that_a_person_wrote_replace_all_others(content, known):
    response = {"artist_id": A1, "is_found": True, "artist_name": "Band", "genres": ["rock"], "popularity": 3}
    inputs = {"artist_metadata": [response], "catalog_artists": [artist(A1, genres=["polka"])]}
    for lines, told in (
        ([("band", ["Zouk", "jazz"]), (A2, ["pop"])], ("zouk, jazz", "override")),
        ([(A1, ["zouk"])], ("zouk", "override")),
        ([("Bandit", ["zouk"])], ("rock", "api")),
    ):
        written = [{"position": place, "artist": who, "genres": genres} for place, (who, genres) in enumerate(lines)]
        play = content(played("2024-01-01 12:00:00", T1, "Band"))
        row = known("dim_artist", play, raw_genre_overrides=written, **inputs)
        assert (row["genres"], row["genres_source"]) == told
        assert (row["popularity"], row["popularity_source"]) == (3, "api")


def test_an_album_is_found_by_its_names(content, known, named):
    told = {
        "catalog_album_key": named("Band", "First"),
        "release_date": date(1976, 1, 1),
        "release_date_precision": "year",
        "release_source": "a.csv",
        "label": "Polar",
        "label_source": "b.csv",
    }
    row = known("dim_album", content(played("2024-01-01 12:00:00", T1, "Band", **SONG)), catalog_albums=[told])
    assert (row["release_year"], row["release_date_precision"], row["release_source"]) == (1976, "year", "a.csv")
    assert (row["label"], row["label_source"], "popularity" in row) == ("Polar", "b.csv", False)


def test_without_files_nothing_is_joined(content, computed):
    plan = computed("dim_track", monthly_content=content(played("2024-01-01 12:00:00", T1, "Band", **SONG)))
    assert "energy" in plan.columns
    assert "features_source_0" not in plan._plan.print()


def test_random_files_against_a_plain_implementation(content, computed, frame):
    """Of 60 tracks that four files tell by id, by name or not at all: what a few lines of Python find as well."""
    chance = random.Random(15)
    landed = {name: chance.randrange(1, 4) for name in "abcd"}
    register = [
        {"source_file": name, "landed_at": utc(f"2024-01-0{day} 00:00:00"), "feeds": ["tracks"]}
        for name, day in landed.items()
    ]
    ids = [f"{number:022d}" for number in range(60)]
    rows = []
    for file, number in itertools.product(landed, range(len(ids))):
        for source_row in range(chance.choice((0, 1, 1, 2))):
            by_id, by_name = chance.choice(((True, True), (True, False), (False, True)))
            rows.append(
                {
                    "source_file": file,
                    "source_row": 2 * number + source_row,
                    "track_id": ids[number] if by_id else None,
                    "track_name": f"Song {number // 2}" if by_name else None,
                    "artist_names": "Band" if by_name else None,
                    "popularity": chance.choice((None, str(chance.randrange(101)))),
                    "isrc": chance.choice((None, f"{chance.randrange(10**12):012d}")),
                    "release_year": chance.choice((None, "0", str(chance.randrange(1950, 2024)))),
                }
            )

    def newest(number, name):
        """The value of a track (two in turn share their names), by id, else by names."""
        by_file = sorted(rows, key=lambda row: (-landed[row["source_file"]], row["source_file"], row["source_row"]))
        for is_one in (
            lambda row: row["track_id"] == ids[number],
            lambda row: row["track_name"] == f"Song {number // 2}",
        ):
            for row in by_file:
                if is_one(row) and row[name] not in (None, "0"):
                    return row[name], row["source_file"]
        return None, None

    told = computed(
        "catalog_track_metadata",
        raw_catalog_tracks=frame("raw_catalog_tracks", rows),
        raw_catalog_files=frame("raw_catalog_files", register),
    )
    plays = [
        played("2024-01-01 12:00:00", id_, "Band", track_name=f"song {number // 2}") for number, id_ in enumerate(ids)
    ]
    tracks = {
        row["track_key"]: row
        for row in computed("dim_track", monthly_content=content(*plays), catalog_track_metadata=told).collect()
    }
    for number, id_ in enumerate(ids):
        row = tracks[id_]
        found = [
            (row[name] if row[name] is None else str(row[name]), row[source])
            for name, source in (
                ("popularity", "popularity_source"),
                ("isrc", "isrc_source"),
                ("release_year", "release_source"),
            )
        ]
        assert found == [newest(number, name) for name in ("popularity", "isrc", "release_year")], number


FAMILIES = [{"genre": name, "genre_family": family} for name, family in (("polka", "folk"), ("pop", "pop"))]


def test_genres_of_a_person_come_before_those_of_the_api(content, known):
    row = known(
        "dim_artist",
        content(played("2024-01-01 12:00:00", T1, "Band")),
        artist_metadata=[{"artist_id": A1, "is_found": True, "artist_name": "Band", "genres": ["pop"]}],
        raw_genre_overrides=[{"artist": "band", "genres": ["polka", "pop"], "position": 1}],
        genre_families=FAMILIES,
    )
    assert (row["genres"], row["genres_source"], row["genre_family"]) == ("polka, pop", "override", "folk")


def test_a_track_has_the_genres_of_its_artist_and_else_its_own(content, known):
    told = metadata(T1, file="a.csv") | {"genres": ["polka"], "genres_source": "t.csv"}
    plays = content(played("2024-01-01 12:00:00", T1, "Band", **SONG))
    response = {"artist_id": A1, "is_found": True, "artist_name": "Band"}
    for genres, expected in ((["pop"], ("pop", "api", "pop")), ([], ("polka", "t.csv", "folk"))):
        row = known(
            "dim_track",
            plays,
            artist_metadata=[response | {"genres": genres}],
            catalog_track_metadata=[told],
            genre_families=FAMILIES,
        )
        assert (row["genres"], row["genres_source"], row["genre_family"]) == expected
