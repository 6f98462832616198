"""What is stale, asked of the lake after each kind of change."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spotify_assets.ingest.responses import mirror_overrides
from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import Capture
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage, staleness
from spotify_assets.refresh.staleness import InputFingerprints, ListedFile, Stale
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow, windows
from spotify_assets_tests.conftest import LANDED_AT, extended, utc

pytestmark = pytest.mark.integration

WHOLE_TABLES = {table for table in lineage.computed_tables() if not TABLES[table].is_partitioned}
# Cleaned tables and metrics without inputs have no rows.
DIMENSIONS = {table for table in WHOLE_TABLES if TABLES[table].layer == "dimensions"}
# They follow from no plays.
STATIC = {"dim_time", "dim_reason"}
OF_PLAYLISTS = {
    *("dim_playlist", "playlist_changes", "playlist_track_tenure"),
    *("playlist_impact", "playlist_metrics", "playlist_overlap"),
}
OF_CATALOGUE = {table for table in WHOLE_TABLES if TABLES[table].library}
OF_PLAYS = {table for table in WHOLE_TABLES if TABLES[table].layer != "cleaned"} - STATIC - OF_PLAYLISTS - OF_CATALOGUE


def stale(world):
    return staleness.stale(world.lake, world.settings)


def test_after_a_sync_nothing_is_stale(synced):
    assert not stale(synced)


def test_an_empty_lake_wants_its_dimensions_only(world):
    world.ingest()
    found = stale(world)
    assert (found.windows, set(found.whole)) == ({}, DIMENSIONS)


def test_a_new_file_makes_its_months_stale_and_what_depends_on_them(synced):
    synced.land("anna/c.json", [extended("2024-02-10T00:00:00Z"), extended("2024-03-01T00:00:00Z")])
    synced.ingest()
    found = stale(synced)
    assert set(found.windows) == {table for table in lineage.computed_tables() if TABLES[table].partitioning == PLAYS}
    assert set(map(tuple, found.windows.values())) == {("2024-02-01", "2024-03-01")}
    assert set(found.whole) == OF_PLAYS


def test_a_deleted_file_empties_its_month(synced):
    (synced.root / "landing/history/anna/b.json").unlink()
    synced.sync()
    assert {row["month"].month for row in synced.rows("plays")} == {1}
    assert not stale(synced)


def test_a_record_without_a_time_concerns_the_first_month(synced):
    synced.land("anna/c.json", [extended("2024-02-10T00:00:00Z"), extended("soon")])
    synced.ingest()
    assert stale(synced).keys(PLAYS) == ["2008-10-01", "2024-02-01"]
    synced.refresh("rejected_plays")
    assert [(row["reason"], str(row["window_at"])) for row in synced.rows("rejected_plays")] == [
        ("bad_timestamp", "2008-10-01 00:00:00+00:00")
    ]


def test_a_month_written_by_hand_makes_what_reads_it_stale(synced):
    synced.frames.write("plays", synced.compute("plays", ["2024-01-01"]), ["2024-01-01"])
    found = stale(synced)
    assert "plays" not in found.windows
    assert found.windows["fct_plays"] == ["2024-01-01"]


def test_a_commit_of_somebody_else_makes_all_of_the_table_stale(synced):
    synced.lake.open("fct_plays").delete("ms_played > 0")
    assert stale(synced).windows == {"fct_plays": ["2024-01-01", "2024-03-01"]}


def test_compaction_and_vacuum_make_nothing_stale(synced):
    table = synced.lake.open("plays")
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert not stale(synced)


def test_a_deleted_table_is_computed_again(synced):
    before = synced.rows("plays")
    shutil.rmtree(synced.lake.table_uri("plays"))
    assert stale(synced).windows["plays"] == ["2024-01-01", "2024-03-01"]
    synced.refresh("plays")
    assert synced.rows("plays") == before


def test_a_setting_that_changes_rows_makes_its_tables_stale(synced):
    synced.overrides = {"min_ms_played": 300_000}
    found = stale(synced)
    assert found.windows["plays"] == ["2024-01-01", "2024-03-01"]
    assert not OF_PLAYLISTS & set(found.whole)
    synced.refresh("plays")
    assert synced.rows("plays") == []


def test_new_code_makes_everything_stale(synced, monkeypatch):
    monkeypatch.setattr(lineage, "code_version", lambda table: "another")
    found = stale(synced)
    assert found.keys(PLAYS) == ["2024-01-01", "2024-03-01"]
    assert set(found.whole) == OF_PLAYS | STATIC | {"dim_playlist"}


def test_another_grain_gives_the_same_plays_and_leaves_nothing_of_the_old(synced):
    before = {row["play_id"] for row in synced.rows("plays")}
    synced.overrides = {"plays_grain": "weekly"}
    synced.sync()
    assert {row["play_id"] for row in synced.rows("plays")} == before
    assert len(synced.rows("hourly_listening")) == 2
    assert not stale(synced)
    synced.overrides = {}
    synced.sync("plays", "hourly_listening")
    assert {str(row["window_at"].date()) for row in synced.rows("hourly_listening")} == {"2024-01-01", "2024-03-01"}


def test_a_later_start_of_plays_moves_what_is_before_to_the_rejected(synced):
    synced.overrides = {"plays_start": datetime(2024, 2, 1, tzinfo=UTC)}
    synced.sync()
    assert [row["month"].month for row in synced.rows("plays")] == [3]
    assert [(row["reason"], row["window_at"].month) for row in synced.rows("rejected_plays")] == [("bad_timestamp", 2)]
    assert not stale(synced)


def test_the_state_outlives_its_log(synced, monkeypatch):
    """Many commits later, the state still tells what was written first."""
    monkeypatch.setattr(commits, "RECENT_COMMITS", 2)
    for _ in range(5):
        synced.frames.write("plays", synced.compute("plays", ["2024-03-01"]), ["2024-03-01"])
    state = commits.window_states(synced.lake.open("plays"))
    assert set(state) == {"2024-01-01/2024-02-01", "2024-03-01/2024-04-01"}
    assert state["2024-01-01/2024-02-01"].fingerprint is not None


def test_records_of_a_file_are_spread_over_its_time():
    of_plays = windows("plays", load_settings(plays_start="2024-01-01"), utc("2024-12-31 00:00:00"))
    loaded = utc("2025-01-01 00:00:00")
    files = [
        ListedFile("anna", "a", loaded, *2 * (utc("2024-02-01 00:00:00"), utc("2024-03-31 23:59:59")), False, 60),
        ListedFile("anna", "b", loaded, *4 * (utc("2024-03-05 00:00:00"),), False, 7),
        ListedFile("anna", "c", loaded, None, None, None, None, True, 5),
    ]
    records = {key: round(count) for key, count in staleness.records_by_key(files, of_plays).items() if count}
    assert records == {"2024-02-01": 29, "2024-03-01": 38}


FEBRUARY = TimeWindow(utc("2024-02-01 00:00:00"), utc("2024-03-01 00:00:00"))


def deciding(*files):
    return [file.source_file for file, _ in staleness.deciding_files(files, [FEBRUARY])]


@pytest.mark.parametrize(
    ("reported", "late", "is_finest", "decides"),
    [
        ("2024-01-30 23:59:59", None, True, False),
        ("2024-01-31 00:00:00", None, True, True),
        ("2024-02-10 00:00:00", None, True, True),
        ("2024-03-02 23:59:59", None, True, True),
        ("2024-03-03 00:00:00", None, True, False),
        ("2024-03-03 00:00:00", "2024-02-29 12:00:00", True, False),
        ("2024-03-11 23:59:59", "2024-03-10 00:00:00", True, True),  # beside a play that was offline
        ("2024-03-12 00:00:00", "2024-03-10 00:00:00", True, False),
        ("2024-03-11 23:59:59", "2024-03-10 00:00:00", False, False),
        ("2024-04-01 23:59:59", "2024-12-31 00:00:00", True, True),
        ("2024-04-02 00:00:00", "2024-12-31 00:00:00", True, False),
    ],
)
def test_which_files_a_month_depends_on(reported, late, is_finest, decides):
    of_february = ListedFile(
        *("anna", "0", LANDED_AT, *4 * (utc("2024-02-10 00:00:00"),), False, 1, True, late and utc(late))
    )
    file = ListedFile("anna", "a", LANDED_AT, *4 * (utc(reported),), False, 1, is_finest)
    assert deciding(of_february, file) == (["0", "a"] if decides else ["0"])
    of_another = replace(file, listener="ben")
    assert deciding(of_february, of_another) == (["0", "a"] if reported.startswith("2024-02") else ["0"])


def test_a_month_without_plays_depends_on_no_file():
    assert deciding(ListedFile("anna", "a", LANDED_AT, *4 * (utc("2024-03-01 12:00:00"),), False, 1)) == []


def test_a_late_report_makes_the_month_stale_in_which_it_was_played(synced):
    began = int(utc("2024-01-20 12:00:00").timestamp())
    late = extended("2024-02-15T00:00:00Z", track="Late", offline=True, offline_timestamp=began)
    synced.land("anna/c.json", [late])
    synced.ingest()
    assert stale(synced).windows["plays"] == ["2024-01-01"]
    synced.refresh("plays", "rejected_plays")
    found = {(row["track_name"], str(row["played_at"]), row["played_at_is_corrected"]) for row in synced.rows("plays")}
    assert ("Late", "2024-01-20 12:03:20+00:00", True) in found
    assert not stale(synced).windows.get("plays")


def test_any_stale_window_or_table_makes_something_stale():
    assert Stale({"plays": ["2024-01-01"]}, [], set(), {})
    assert Stale({}, ["dim_time"], set(), {})
    assert not Stale({}, [], {"2024-01-01"}, {})


@pytest.mark.parametrize(
    ("written", "overlapping"),
    [
        ("2023-12-25/2024-01-01", ["2024-01-01/2024-02-01"]),  # the first window takes what lies before it
        ("2024-01-29/2024-02-05", ["2024-01-01/2024-02-01", "2024-02-01/2024-03-01"]),
        ("2024-02-01/2024-03-01", ["2024-02-01/2024-03-01"]),
        ("2024-04-01/2024-05-01", []),
    ],
)
def test_windows_that_overlap_one_of_another_grain(written, overlapping):
    months = windows("plays", load_settings(plays_start="2024-01-01"), utc("2024-02-15 00:00:00"))
    assert sorted(staleness._overlapping({written}, list(months.values()))) == overlapping


def test_a_response_counts_by_day_size_time_and_whether_it_is_read(tmp_path):
    def fingerprints(max_json_mb=256):
        settings = load_settings(
            landing_uri=str(tmp_path / "landing"), snapshots_start="2024-01-01", max_json_mb=max_json_mb
        )
        days = windows(SNAPSHOTS, settings, utc("2024-01-02 12:00:00")).values()
        current = InputFingerprints(Lake(str(tmp_path / "lake")), settings)
        return current.fingerprints(TABLES["raw_playlists"], days) | current.fingerprints(TABLES["track_metadata"], [])

    def land(path, size, day):
        file = tmp_path / "landing" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b" " * size)
        os.utime(file, (day, day))
        return fingerprints()

    monday, tuesday = "2024-01-01/2024-01-02", "2024-01-02/2024-01-03"
    assert fingerprints() == {monday: "empty", tuesday: "empty", "whole": "empty"}
    first = land("playlists/2024-01-02/p.json", 1_000_000, 1)
    assert {name: known == "empty" for name, known in first.items()} == {monday: True, tuesday: False, "whole": True}
    assert fingerprints(max_json_mb=1) == first
    longer = land("playlists/2024-01-02/p.json", 1_000_001, 1)
    later = land("playlists/2024-01-02/p.json", 1_000_001, 2)
    assert len({known[tuesday] for known in (first, longer, later, fingerprints(max_json_mb=1))}) == 4
    assert land("metadata/tracks/a.json", 1, 1)["whole"] != "empty"


def test_a_response_in_a_bucket_counts_by_its_etag(tmp_path):
    """Size and time are the same where a file was written twice within a second."""

    def fingerprint(etag):
        current = InputFingerprints(Lake(str(tmp_path)), load_settings())
        current._captures["metadata/tracks"] = [Capture("metadata/tracks/a.json", 1, LANDED_AT, etag)]
        return current.fingerprints(TABLES["track_metadata"], [])["whole"]

    assert len({fingerprint(etag) for etag in ("", "a", "b")}) == 3


def test_the_version_of_the_inputs_is_that_of_their_table(tmp_path):
    lake = Lake(str(tmp_path))
    assert staleness.inputs_version(lake) == ""
    before = f"{lake.ensure('raw_files').metadata().id}:0"
    assert staleness.inputs_version(lake) == before
    lake.write("raw_files", TABLES["raw_files"].arrow_schema.empty_table(), mode="append")
    assert staleness.inputs_version(lake) == before[:-1] + "1"
    catalogue = f"{lake.ensure('raw_catalog_files').metadata().id}:0"
    assert staleness.inputs_version(lake) == f"{before[:-1]}1 {catalogue}"


def test_a_line_of_exclusions_concerns_its_months_and_listeners_only(synced):
    def months_after(content):
        synced.landing.land("overrides/exclusions.csv", content.encode())
        if "raw_exclusions" in stale(synced).whole:
            mirror_overrides(synced.landing, synced.lake, synced.settings, "raw_exclusions")
        return stale(synced).windows.get("plays")

    assert months_after("what,value,from,note\nartist,Band,2024-03-10,\n") == ["2024-03-01"]
    mirrored = synced.lake.open("raw_exclusions").version()
    assert months_after("what,value,note,from\n\nartist,Band,a note,2024-03-10\n") == ["2024-03-01"]
    assert synced.lake.open("raw_exclusions").version() == mirrored
    assert months_after("what,value\nartist,Band\n") == ["2024-01-01", "2024-03-01"]
    assert months_after("what,value,listener\nartist,Band,ben\n") is None
    assert not stale(synced)
