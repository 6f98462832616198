"""Catalogue files from the landing zone to raw tables: only what changed is read, whatever happened before."""

import gzip
import hashlib
import io
import os
import shutil
import zipfile

import pytest

from spotify_assets.ingest import catalog
from spotify_assets.ingest.catalog import CATALOG_TABLES, mirror_catalog
from spotify_assets.ingest.catalog_register import (
    CATALOG_FILES,
    catalog_changes,
    catalog_register,
    catalog_use_of,
    known_catalog_digests,
    waiting_catalog,
)
from spotify_assets.ingest.history_changes import UnusedFile
from spotify_assets.refresh import staleness
from spotify_assets.storage import StorageError

pytestmark = pytest.mark.integration

ARTISTS, TRACKS = "raw_catalog_artists", "raw_catalog_tracks"
TIMELESS = ("landed_at", "loaded_at")


def artists(*names):
    """A file of artists."""
    return "id,name,followers\n" + "".join(f"{name.lower()},{name},7\n" for name in names)


def tracks(*names):
    """A file of tracks."""
    return "id,name,artists,explicit\n" + "".join(f"{name.lower()},{name},Band,0\n" for name in names)


@pytest.fixture
def land(world):
    def land(path, content):
        world.landing.land(f"catalog/{path}", content.encode() if isinstance(content, str) else content)
        return world.root / "landing" / "catalog" / path

    return land


@pytest.fixture
def mirror(world):
    """Bring the tables up to date, and return the files that were read."""

    def mirror():
        read: list[str] = []
        result = mirror_catalog(world.landing, world.lake, world.settings, read.append)
        assert not stale(world)
        return [line.partition(":")[0].removeprefix("catalog/") for line in read], result

    return mirror


def stale(world):
    return set(CATALOG_TABLES) & set(staleness.stale(world.lake, world.settings).whole)


def names(world, table=ARTISTS, column="artist_names"):
    return sorted(row[column] for row in world.rows(table))


def content(world):
    """All rows of all tables, less times."""
    return {
        table: [{name: value for name, value in row.items() if name not in TIMELESS} for row in world.rows(table)]
        for table in CATALOG_TABLES
    }


def test_a_lake_without_catalogue_files_has_nothing_to_do(world):
    world.landing.land("history/anna/note.txt", b"")
    assert [table for table in staleness.stale(world.lake, world.settings).whole if "catalog_" in table] == []


def test_files_are_mirrored_and_listed(world, land, mirror):
    land("deep/er/a.csv", artists("Abba", "Blur"))
    land("t.csv", tracks("Song") + 'x,"open,Band,0\n')
    land("note.csv", "colour,size\nred,7\n")
    land("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    read, result = mirror()
    assert read == ["deep/er/a.csv", "image.csv", "note.csv", "t.csv"]
    assert (result.files, result.records) == (4, 4)
    told = ("source_file", "status", "feeds", "records", "bad_records")
    assert [tuple(row[name] for name in told) for row in world.rows(CATALOG_FILES)] == [
        ("catalog/deep/er/a.csv", "read", ["artists"], 2, 0),
        ("catalog/image.csv", "unreadable", [], 0, 0),
        ("catalog/note.csv", "ignored", [], 0, 0),
        ("catalog/t.csv", "read", ["tracks"], 2, 1),
    ]
    assert result.unused == {
        "catalog/image.csv": "it is no text, and no Parquet",
        "catalog/note.csv": "its header is none of a catalogue: colour,size",
    }
    assert [(row["source_row"], row["track_name"], row["problem"]) for row in world.rows(TRACKS)] == [
        (0, "Song", None),
        (1, None, "row, 14 characters: has a quote that is never closed"),
    ]


def test_only_what_is_new_or_changed_is_read_and_what_was_deleted_is_gone(world, land, mirror):
    first = land("a.csv", artists("Abba"))
    land("b.csv", artists("Blur"))
    assert mirror()[0] == ["a.csv", "b.csv"]
    land("c.csv", artists("Cure"))
    assert mirror()[0] == ["c.csv"]
    land("b.csv", artists("Beck"))
    assert mirror()[0] == ["b.csv"]
    first.unlink()
    read, result = mirror()
    assert (read, result.deleted) == ([], 1)
    assert names(world) == ["Beck", "Cure"]
    for path in ("b.csv", "c.csv"):
        (world.root / "landing" / "catalog" / path).unlink()
    mirror()
    assert content(world) == {table: [] for table in CATALOG_TABLES}


def test_what_was_read_between_two_states_is_told(world, land, mirror):
    def changes():
        before = catalog_register(world.lake)
        mirror()
        return catalog_changes(before, catalog_register(world.lake))

    first = land("a.csv", artists("Abba"))
    land("b.csv", artists("Blur"))
    assert changes() == ("2 new", [])
    note = land("note.csv", "colour,size\n")
    land("b.csv", artists("Beck"))
    first.unlink()
    ignored = UnusedFile("catalog/note.csv", "ignored", "its header is none of a catalogue: colour,size")
    assert changes() == ("1 new, 1 read again, 1 deleted", [ignored])
    os.utime(note, (1_700_000_000, 1_700_000_000))
    assert changes() == ("", [])


def test_a_large_file_tells_how_far_it_is(world, land, monkeypatch):
    monkeypatch.setattr(catalog, "NOTED_ROWS", 2)
    land("both.csv", "id,name,artists,energy,valence\n" + "1,Song,Band,0.5,0.5\n" * 3)
    lines: list[str] = []
    mirror_catalog(world.landing, world.lake, world.settings, lines.append)
    assert lines == ["catalog/both.csv: 3 rows so far", "catalog/both.csv: 3 rows"]


def test_what_waits_is_told_without_reading_it(world, land, mirror):
    assert waiting_catalog(world.landing, []) == {}
    first = land("a.csv", artists("Abba"))
    land("b.csv", artists("Blur"))
    mirror()
    land("b.csv", artists("Beck", "Cure"))
    land("deep/c.csv", "?")
    first.unlink()
    assert waiting_catalog(world.landing, catalog_register(world.lake)) == {
        "catalog/a.csv": "deleted",
        "catalog/b.csv": "changed",
        "catalog/deep/c.csv": "new",
    }


def test_an_import_knows_what_was_read_and_what_is_used(world, land, mirror):
    land("a.csv", artists("Abba"))
    land("note.csv", "colour,size\n")
    mirror()
    known = known_catalog_digests(world.lake)
    assert {file.path: known[file] for file in world.landing.storage.files("catalog")} == {
        f"catalog/{name}": hashlib.sha256((world.root / "landing/catalog" / name).read_bytes()).hexdigest()
        for name in ("a.csv", "note.csv")
    }
    used, unused = catalog_use_of(world.lake, ["catalog/a.csv", "catalog/note.csv"])
    assert [(row["source_file"], row["feeds"], row["records"]) for row in used] == [("catalog/a.csv", ["artists"], 1)]
    assert [file.source for file in unused] == ["catalog/note.csv"]
    assert catalog_use_of(world.lake, ["catalog/other.csv"]) == ([], [])


def test_a_touched_file_is_not_read_again_and_has_its_new_time(world, land, mirror):
    path = land("a.csv", artists("Abba"))
    mirror()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert stale(world)
    assert mirror()[0] == []
    [row] = world.rows(CATALOG_FILES)
    assert row["landed_at"].timestamp() == 1_700_000_000
    assert names(world) == ["Abba"]


def test_a_file_that_becomes_one_of_another_kind_leaves_nothing_behind(world, land, mirror):
    land("a.csv", artists("Abba"))
    mirror()
    land("a.csv", tracks("Song"))
    mirror()
    assert (world.rows(ARTISTS), names(world, TRACKS, "track_name")) == ([], ["Song"])


def test_archives_are_read_member_by_member(world, land, mirror):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data/artists.csv", artists("Abba"))
        archive.writestr("data/tracks.csv", tracks("Song"))
        archive.writestr("data/readme.txt", "colour,size")
    land("both.zip", packed.getvalue())
    land("more.csv.gz", gzip.compress(artists("Blur").encode()))
    mirror()
    assert [row["source_file"] for row in world.rows(CATALOG_FILES)] == [
        "catalog/both.zip!data/artists.csv",
        "catalog/both.zip!data/readme.txt",
        "catalog/both.zip!data/tracks.csv",
        "catalog/more.csv.gz!more.csv",
    ]
    assert names(world) == ["Abba", "Blur"]
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data/tracks.csv", tracks("Other"))
    land("both.zip", packed.getvalue())
    assert mirror()[0] == ["both.zip"]
    assert (names(world), names(world, TRACKS, "track_name")) == (["Blur"], ["Other"])


def test_rows_of_a_file_that_turns_out_to_be_unreadable_are_dropped(world, land, mirror, monkeypatch):
    """A damaged archive shows only while it is read."""
    whole = gzip.compress(artists(*(f"Band{number}" for number in range(20_000))).encode())
    land("cut.csv.gz", whole[: len(whole) // 2])
    land("b.csv", artists("Blur"))
    mirror()
    assert {row["source_file"]: row["status"] for row in world.rows(CATALOG_FILES)} == {
        "catalog/b.csv": "read",
        "catalog/cut.csv.gz!cut.csv": "unreadable",
    }
    assert names(world) == ["Blur"]


@pytest.mark.parametrize("broken", CATALOG_TABLES)
def test_an_interrupted_run_is_finished_by_the_next(world, land, mirror, monkeypatch, broken):
    """Killed before the commit of any table, after a file changed; and the file changes back meanwhile."""
    land("a.csv", artists("Abba"))
    land("t.csv", tracks("Song"))
    mirror()
    before = content(world)
    land("a.csv", tracks("Other"))
    commit = catalog._commit

    def killed(lake, fingerprints, table, rows, predicate):
        if table == broken and fingerprints[table] != {"whole": catalog.READING}:
            raise KeyboardInterrupt
        commit(lake, fingerprints, table, rows, predicate)

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_commit", killed)
        with pytest.raises(KeyboardInterrupt):
            mirror()
    assert stale(world)
    land("a.csv", artists("Abba"))
    assert mirror()[0] == ["a.csv"]
    assert content(world) == before


def test_a_table_that_was_deleted_or_changed_by_another_program_is_read_again(world, land, mirror):
    land("a.csv", artists("Abba"))
    mirror()
    before = content(world)
    world.lake.open(ARTISTS).delete("artist_names = 'Abba'")
    assert stale(world)
    assert mirror()[0] == ["a.csv"]
    shutil.rmtree(world.root / "lake" / "raw" / TRACKS)
    assert mirror()[0] == ["a.csv"]
    assert content(world) == before


def test_a_file_that_cant_be_read_now_stops_the_run_and_loses_nothing(world, land, mirror, monkeypatch):
    land("a.csv", artists("Abba"))
    mirror()
    land("b.csv", artists("Blur"))
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "file_sha256", failing(OSError(5, "I/O error")))
        with pytest.raises(StorageError, match=r"b\.csv can't be read now: i/o"):
            mirror()
    assert names(world) == ["Abba"]
    mirror()
    assert names(world) == ["Abba", "Blur"]


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_an_unreadable_archive_is_read_again_when_the_limit_of_its_size_is_raised(world, land, mirror):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("artists.csv", artists(*(f"Band{number}" for number in range(60_000))))
    land("a.zip", packed.getvalue())
    world.overrides["max_unzipped_mb"] = 1
    mirror()
    assert [row["status"] for row in world.rows(CATALOG_FILES)] == ["unreadable"]
    world.overrides["max_unzipped_mb"] = 100
    assert stale(world)
    mirror()
    assert [(row["status"], row["records"]) for row in world.rows(CATALOG_FILES)] == [("read", 60_000)]
