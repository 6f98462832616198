"""Catalogue files of the sample data: of each kind, with its quirks, and of the sample's tracks."""

import csv
import io
import zipfile

import pytest

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.catalog import find_tables, read_catalog
from spotify_assets.sandbox.catalogue import Catalogue
from spotify_assets.sandbox.sample_catalog import land_sample_catalog, sample_catalog
from spotify_assets_tests.readers.test_catalog import HEADERS

PLAYS = 20_000


@pytest.fixture(scope="module")
def files():
    """Content of each file, and of each in the archive."""
    made = dict(sample_catalog(PLAYS))
    with zipfile.ZipFile(io.BytesIO(made.pop("archive.zip"))) as archive:
        return made | {f"archive.zip!{name}": archive.read(name) for name in archive.namelist()}


def rows(content, encoding="utf-8"):
    return list(csv.DictReader(io.StringIO(content.decode(encoding), newline="")))


def column(content, name, encoding="utf-8"):
    return [row[name] for row in rows(content, encoding)]


def test_every_file_is_read_whole_and_each_kind_is_there(files):
    fed = set()
    for name, content in files.items():
        found = read_catalog(io.BytesIO(content))
        blocks = list(found.blocks)
        assert sum(len(block[found.tables[0]]) for block in blocks) > 1, name
        assert all(part["problem"].null_count == len(part) for block in blocks for part in block.values()), name
        fed.add(frozenset(found.tables))
    assert fed == {frozenset(find_tables(header.split(","))) for header in HEADERS} - {frozenset()}


def test_ids_and_names_are_those_of_the_sample(files):
    catalogue = Catalogue(PLAYS)
    for row in rows(files["tracks_features.csv"]):
        track = catalogue.tracks[row["id"]]
        assert (track["name"], str(track["duration_ms"])) == (row["name"], row["duration_ms"])
        assert row["artist_ids"] == str([artist["id"] for artist in track["artists"]])
        assert catalogue.albums[row["album_id"]]["name"] == row["album"]
    names = {(track["name"], track["artists"][0]["name"]) for track in catalogue.tracks.values()}
    assert {(row["song"], row["artist"]) for row in rows(files["top_hits.csv"])} <= names


def test_quirks_of_each_kind(files):
    by_genre = rows(files["tracks_by_genre.csv"])
    assert [row for row in by_genre if not row["track_id"]] == [
        dict.fromkeys(by_genre[0], "") | {"": f"{(len(by_genre) - 1) // 2}"}
    ]
    assert any(";" in row["artists"] for row in by_genre)
    assert len({row["track_id"] for row in by_genre}) < len(by_genre) - 1
    assert set(column(files["archive.zip!tracks.csv"], "explicit")) == {"0", "1"}
    assert {len(date) for date in column(files["archive.zip!tracks.csv"], "release_date")} == {4, 7, 10}
    assert all(text.endswith(".0") for text in column(files["archive.zip!artists.csv"], "followers"))
    assert column(files["archive.zip!artists.csv"], "genres")[0].startswith("['")
    assert "0" in column(files["tracks_features.csv"], "year")
    assert "set()" in column(files["top_hits.csv"], "genre")
    hits = rows(files["top_hits.csv"])
    assert sum(row == hits[0] for row in hits) == 2
    assert "Før ".encode("latin-1") in files["most_streamed.csv"]
    assert any("," in number for number in column(files["most_streamed.csv"], "in_deezer_playlists", "latin-1"))
    assert any(not text.isdigit() for text in column(files["most_streamed.csv"], "streams", "latin-1"))
    assert all(0 <= int(text) <= 100 for text in column(files["most_streamed.csv"], "energy_%", "latin-1"))
    assert column(files["artist_album_track/albums.csv"], "release_date")[0].endswith(" 00:00:00 UTC")
    ids = column(files["playlist_songs.csv"], "track_id")
    assert len(set(ids)) < len(ids)
    assert set(column(files["exportify/road_trip.csv"], "Added By")) <= {
        f"spotify:user:someone-else-{n}" for n in range(3)
    }


def test_files_are_landed_once_and_the_same(tmp_path):
    def landed():
        return {path: (path.read_bytes(), path.stat().st_mtime) for path in tmp_path.rglob("*") if path.is_file()}

    paths = land_sample_catalog(LandingZone(str(tmp_path)), 3_000)
    first = landed()
    assert {path.relative_to(tmp_path).as_posix() for path in first} == set(paths)
    land_sample_catalog(LandingZone(str(tmp_path)), 3_000)
    assert landed() == first
