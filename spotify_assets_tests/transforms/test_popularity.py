"""`popularity_tracks`, what the popularity model learns from, and the tables that follow from its fit."""

from datetime import date

import pytest

from spotify_assets.model.popularity import MODEL_FEATURES
from spotify_assets.refresh import lineage
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.popularity_rows import HOSTILE, popularity_rows, quick_fits

pytestmark = pytest.mark.integration

A1, T1, T2, T3 = "1" * 22, "3" * 22, "4" * 22, "5" * 22


def file(name, day="2024-01-01", feeds=("tracks", "features")):
    return {"source_file": name, "landed_at": utc(f"{day} 00:00:00"), "feeds": list(feeds)}


ONE_FILE = [file("a")]


@pytest.fixture
def tracks(computed, frame):
    """Rows of `popularity_tracks` by name, of rows of raw tables: `source_file` is `a`, unless they say so."""

    def tracks(rows, files=ONE_FILE, **others):
        raw = {
            f"raw_catalog_{name}": [{"source_file": "a", "source_row": n} | row for n, row in enumerate(of_table)]
            for name, of_table in ({"tracks": rows} | others).items()
        }
        known = {name: frame(name, of_table) for name, of_table in ({"raw_catalog_files": files} | raw).items()}
        for table in ("catalog_artists", "catalog_features", "catalog_albums", "catalog_track_metadata"):
            if any(raw.get(name) for name in lineage.upstreams(table)):
                known[table] = computed(table, **known)
        if "albums" in others:
            known["catalog_tracks"] = computed("catalog_tracks", **known)
        found = computed("popularity_tracks", **known).collect()
        return {row["track_name"]: row.asDict() for row in found}

    return tracks


def song(name, popularity, artist="Abba", **more):
    return {"track_name": name, "artist_names": artist, "popularity": str(popularity)} | more


def test_a_track_has_what_files_tell_of_it(tracks):
    row = song(
        "Waterloo", 70, track_id=T1, artist_ids=A1, duration_ms="160000", explicit="0", release_date="1974-03-04"
    )
    newer = song("Dum Dum", 20, release_date="2004-03-04")
    features = {"track_id": T1, "danceability": "0.5", "tempo": "147.5", "key": "2", "mode": "1"}
    artist = {"artist_ids": A1, "artist_names": "ABBA", "genres": "['europop']"}
    found = tracks([row, newer], artists=[artist], features=[features])
    waterloo = found["Waterloo"]
    assert {name: waterloo[name] for name in ("track_key", "artist_name", "popularity", "popularity_source")} == {
        "track_key": T1, "artist_name": "Abba", "popularity": 70, "popularity_source": "a",
    }  # fmt: skip
    assert (waterloo["duration_ms"], waterloo["explicit"], waterloo["genre_family"]) == (160_000, False, "pop")
    assert (waterloo["danceability"], waterloo["tempo"], waterloo["key"], waterloo["mode"]) == (0.5, 147.5, 2, 1)
    assert (waterloo["release_date"], waterloo["source_latest_release"]) == (date(1974, 3, 4), date(2004, 3, 4))
    assert waterloo["years_since_release"] == round(10958 / 365.25, 3)
    # Of one name are one artist, with or without an id.
    assert found["Dum Dum"]["genre_family"] == "pop"
    assert found["Dum Dum"]["danceability"] is None


def test_the_popularity_of_an_artist_is_that_of_its_other_tracks(tracks):
    found = tracks([song("A", 80), song("B", 60), song("C", 41), song("D", 2), song("E", 50, "Blur")])
    assert {name: row["artist_popularity"] for name, row in found.items()} == {
        "A": 50.5, "B": 60.5, "C": 70.0, "D": round(181 / 3, 3), "E": None,
    }  # fmt: skip


def test_several_rows_of_a_recording_count_once_by_the_most_popular_id(tracks):
    rows = [
        song("Song", 10, track_id=T1),
        song("song ", 60, track_id=T2),
        song("Song", 60, track_id=T3),
        song("Song", 60, track_id=T3),
        song("Song", 30),
    ]
    (row,) = tracks(rows).values()
    assert (row["track_key"], row["popularity"], row["artist_popularity"]) == (T2, 60, None)


def test_of_several_files_the_newest_tells_the_popularity(tracks):
    files = [file("a", "2024-01-01"), file("b", "2024-02-01"), file("c", "2024-03-01")]
    rows = [
        song("Song", 90, track_id=T1),
        song("Song", 20, track_id=T1, source_file="b"),
        song("Song", "nan", track_id=T1, source_file="c"),
    ]
    (row,) = tracks(rows, files).values()
    assert (row["popularity"], row["popularity_source"]) == (20, "b")


def test_nothing_is_from_an_export_of_a_playlist(tracks):
    files = [file("a"), file("mine.csv", "2024-02-01", ("artists", "tracks", "features", "playlists"))]
    export = {"source_file": "mine.csv", "source_row": 5}
    rows = [song("Song", 50, track_id=T1), song("Song", 90, track_id=T1) | export, song("Other", 70) | export]
    features = [{"track_id": T1, "danceability": "0.9"} | export]
    artists = [{"artist_names": "Abba", "genres": "rock"} | export]
    (row,) = tracks(rows, files, artists=artists, features=features).values()
    assert (row["track_name"], row["popularity"], row["popularity_source"]) == ("Song", 50, "a")
    assert (row["danceability"], row["genre_family"]) == (None, None)


def test_names_of_a_file_without_them_are_those_of_its_album(tracks):
    rows = [{"track_id": T1, "popularity": "50", "explicit": "true"}, {"track_id": T2, "popularity": "40"}]
    albums = [{"album_id": "6" * 22, "album_name": "Ring", "artist_ids": A1, "track_id": T1, "track_name": "Song"}]
    artists = [{"artist_ids": A1, "artist_names": "Abba", "genres": "pop"}]
    (row,) = tracks(rows, [file("a", feeds=("artists", "albums", "tracks"))], artists=artists, albums=albums).values()
    assert (row["track_name"], row["artist_name"], row["genre_family"]) == ("Song", "Abba", "pop")


def test_without_genres_of_the_artist_those_of_the_track_count(tracks):
    found = tracks([song("A", 50, genres="techno, house"), song("B", 50, "Blur")])
    assert {name: row["genre_family"] for name, row in found.items()} == {"A": "dance", "B": None}


def test_hostile_names_pass(tracks):
    (row,) = tracks([song(HOSTILE, 50, f"{HOSTILE}, '; DROP TABLE plays")]).values()
    assert row["track_name"] == HOSTILE


@pytest.mark.parametrize("rows", [[], [song("A", ""), song("B", "high"), song("C", "101")]], ids=["none", "bad"])
def test_without_popularity_there_are_no_rows(tracks, rows):
    assert tracks(rows) == {}


def test_the_tables_of_the_model_follow_from_one_fit(computed, frame):
    rows = popularity_rows()
    rows[0]["popularity"] = 3
    given = frame("popularity_tracks", rows)
    with quick_fits():
        (model,) = computed("popularity_model", popularity_tracks=given).collect()
        features = computed("popularity_model_features", popularity_tracks=given).collect()
        effects = computed("popularity_model_effects", popularity_tracks=given).collect()
        predictions = computed("popularity_predictions", popularity_tracks=given).collect()
    assert model["beats_baselines"]
    assert (model["tracks"], model["unused_tracks"], model["files"]) == (899, 1, 1)
    versions = {row["model_version"] for table in (features, effects, predictions) for row in table}
    assert versions == {model["model_version"]}
    assert len(features) == len(MODEL_FEATURES)
    by_key = {row["recording_key"]: row for row in rows[1:]}
    assert {row["recording_key"] for row in predictions} == by_key.keys()
    for row in predictions:
        own = by_key[row["recording_key"]]
        assert (row["track_name"], row["popularity"], row["known_features"]) == (HOSTILE, own["popularity"], 9)
        assert row["residual"] == pytest.approx(row["popularity"] - row["predicted_popularity"], abs=1e-9)


@pytest.mark.parametrize(
    "table", ["popularity_model", "popularity_model_features", "popularity_model_effects", "popularity_predictions"]
)
def test_without_enough_tracks_there_is_no_model(computed, frame, table):
    few = frame("popularity_tracks", popularity_rows(artists=10))
    assert computed(table, popularity_tracks=few).collect() == []
