"""What the command line shows, of literal results."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from rich.console import Console

from spotify_assets.cli import reports
from spotify_assets.defs.outcome import Synced
from spotify_assets.ingest.catalog import mirror_catalog
from spotify_assets.ingest.history_changes import UnusedFile
from spotify_assets.lake.maintenance import MaintenanceResult, TableSize
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.copy_in import CopyResult
from spotify_assets.model import TABLES
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.settings import load_settings
from spotify_assets.spotify.state import SpotifyState
from spotify_assets.targets.publishing import PublishedState, Refresh, Span
from spotify_assets.targets.questions import questions
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.lake.broken import KINDS

EVERYTHING = {*TABLES, *questions()}


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=120, force_terminal=False)


def said(console):
    """Lines, as a person sees them; blank ones left out."""
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines() if line.strip(" ─")]


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def test_an_import_says_what_became_of_each_file(console):
    copied = CopyResult(
        landed={
            Path("b/x.zip"): "history/anna/x-2.zip",
            Path("y.json"): "history/anna/deep/y.json",
            Path("artists.csv"): "catalog/artists.csv",
        },
        present={Path("c/x.zip"): "history/anna/x.zip"},
        skipped={Path("z.part"): "it is hidden"},
        failed={Path("w.json"): "permission denied"},
    )
    reports.print_copied(console, copied, "there")
    assert said(console) == [
        "1 file copied to there/catalog.",
        "2 files copied to there/history/anna.",
        "b/x.zip is x-2.zip there, since another file has its name",
        "1 file not copied, as the same content is there already:",
        "c/x.zip, as history/anna/x.zip",
        "! 1 file skipped:",
        "z.part: it is hidden",
        "! 1 file could not be copied:",
        "w.json: permission denied",
    ]


def test_an_import_says_what_catalogue_files_feed(console):
    one = {"source_file": "catalog/artists.csv", "feeds": ["artists"], "records": 1, "bad_records": 0}
    more = {
        "source_file": "catalog/a.zip!all.csv",
        "feeds": ["tracks", "features"],
        "records": 1_200,
        "bad_records": 2,
    }
    reports.print_catalogue_files(console, [one, more])
    assert said(console) == [
        "Catalogue: 2 files read:",
        "catalog/artists.csv: 1 row of artists",
        "catalog/a.zip!all.csv: 1,200 rows of tracks, features, 2 of them can't be read",
    ]


def test_an_import_shows_the_header_of_what_is_nothing_it_knows(console):
    copied = CopyResult(no_catalog={"history/anna/a.csv": "its header is none of a catalogue: colour,size"})
    copied.no_catalog |= {"history/anna/plays.csv": "it is listening history", "history/anna/a.pdf": "it is no text"}
    unused = [UnusedFile(path, "ignored", "something else") for path in copied.no_catalog if "plays" not in path]
    reports.print_other_headers(console, copied, unused)
    assert said(console) == ["history/anna/a.csv: its header is none of a catalogue: colour,size"]


def test_of_many_files_that_are_not_used_the_first_are_named(console):
    unused = [UnusedFile(f"history/anna/{number}.json", "unreadable", "[cut] off") for number in range(12)]
    reports.print_unused(console, unused[:11], 12)
    lines = said(console)
    assert lines[:2] == ["! 12 files not used, or only in part:", "unreadable: history/anna/0.json ([cut] off)"]
    assert lines[10:] == ["unreadable: history/anna/9.json ([cut] off)", "and 2 more"]


@pytest.mark.parametrize(
    ("current_folder", "path", "called"),
    [
        ("", "", ".venv/bin/spotify-assets"),
        ("", ".venv/bin", "spotify-assets"),
        ("elsewhere", "", "{root}/.venv/bin/spotify-assets"),
    ],
)
def test_hints_name_the_program_as_it_is_called_there(tmp_path, monkeypatch, current_folder, path, called):
    program = tmp_path / ".venv/bin/spotify-assets"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path / path) if path else "")
    monkeypatch.chdir(tmp_path / current_folder)
    assert reports._program() == called.format(root=tmp_path)


BEFORE = {"landed": 10, "kept": 8, "duplicate": 2, "playlist items": 5}
RUNS = [PlannedRun(("plays", "fct_plays"), ("2024-01-01", "2024-02-01")), PlannedRun(("plays", "dim_time"))]


def test_a_sync_tells_what_is_more_and_what_is_less(console):
    after = BEFORE | {"landed": 1_012, "kept": 1_011, "reported late": 7, "duplicate": 1}
    reports.print_changes(console, Synced("1 new", RUNS), BEFORE, after)
    assert said(console) == [
        "Landing zone: 1 new. Computed: 3 tables, 2 partitions.",
        "now change",
        "records landed 1,012 +1,002",
        "kept 1,011 +1,003",
        "kept: reported late, placed when heard 7 +7",
        "rejected: duplicate 1 -1",
    ]


def test_what_became_none_is_told_and_what_never_was_is_not(console):
    after = BEFORE | {"duplicate": 0, "too_short": 0}
    reports.print_changes(console, Synced("1 changed", RUNS[1:]), BEFORE, after)
    assert said(console) == [
        "Landing zone: 1 changed. Computed: 2 tables.",
        "now change",
        "records landed 10 0",
        "kept 8 0",
        "rejected: duplicate 0 -2",
    ]


def test_a_sync_that_changed_no_count_shows_none(console):
    reports.print_changes(console, Synced("1 touched", RUNS[1:]), BEFORE, BEFORE)
    assert said(console) == ["Landing zone: 1 touched. Computed: 2 tables."]


def test_nothing_to_do(console):
    reports.print_changes(console, Synced(), BEFORE, BEFORE)
    assert said(console) == ["Everything is up to date."]


def refresh(table, *spans):
    return Refresh(table, 1, PublishedState("s", {}), spans or None)


JANUARY, MARCH = Span("2024-01-01", "2024-02-01"), Span("2024-03-01", "2024-04-01")


@pytest.mark.parametrize(
    ("refreshes", "line"),
    [
        ([refresh("dim_time")], "Published to x: 1 table."),
        ([refresh("dim_time"), refresh("dim_track")], "Published to x: 2 tables."),
        ([refresh("plays", JANUARY)], "Published to x: 2024-01-01 to 2024-02-01 of 1 tables."),
        (
            [refresh("dim_time"), refresh("plays", JANUARY), refresh("fct_plays", JANUARY, MARCH)],
            "Published to x: 1 table and 2 ranges of 2 tables.",
        ),
    ],
)
def test_what_was_published(console, refreshes, line):
    reports.print_published(console, Synced(published={"x": refreshes}))
    assert said(console) == [line]


def test_warnings_are_told_once_and_as_they_are(console):
    reports.print_published(console, Synced(warnings=["b: [red]", "a: first", "b: [red]"]))
    assert said(console) == ["! a: first", "! b: [red]"]


def test_maintenance_shows_what_changed_and_the_sum(console):
    done = [
        MaintenanceResult("plays", TableSize(5, 5_000), TableSize(1, 1_000)),
        MaintenanceResult("fct_plays", TableSize(1, 2_000), TableSize(1, 2_000)),
    ]
    reports.print_maintenance(console, done, 7)
    assert said(console) == [
        "table files before now size before now",
        "plays 5 1 5.0 kB 1.0 kB",
        "all tables 6 2 7.0 kB 3.0 kB",
        "What was replaced is kept for 7 days.",
    ]


def test_maintenance_without_a_retention_keeps_a_day(console):
    reports.print_maintenance(console, [MaintenanceResult("plays", TableSize(5, 1), TableSize(1, 1))], 0)
    expected = "What was replaced is kept for a day, as a run that is still writing needs its files."
    assert said(console)[-1] == expected


def test_maintenance_with_nothing_to_do(console):
    reports.print_maintenance(console, [MaintenanceResult("plays", TableSize(1, 1), TableSize(1, 1))], 7)
    assert said(console)[-1] == "Nothing to compact, and nothing to remove."


@pytest.fixture
def settings():
    return load_settings(client_id="an-app", client_secret="a-secret")


@pytest.mark.parametrize(("days_ago", "advises"), [(10, False), (170, True)])
def test_a_login_that_ends_soon_is_to_be_renewed(console, settings, days_ago, advises):
    authorized_at = datetime.now(UTC) - timedelta(days=days_ago)
    login = {"refresh_token": "a-token", "authorized_at": authorized_at.isoformat()}
    Path(settings.spotify_state).parent.mkdir(parents=True)
    Path(settings.spotify_state).write_text(json.dumps({"an-app": login}))
    reports.print_status(console, settings)
    [line] = [line for line in said(console) if "login of app" in line]
    assert ("spotify-assets login renews it" in line) == advises
    assert "a-token" not in console.file.getvalue()


@pytest.mark.parametrize(("hours", "is_told"), [(1, True), (-1, False)])
def test_a_quota_that_is_used_up(console, settings, hours, is_told):
    SpotifyState(settings.spotify_state).block("an-app", datetime.now(UTC) + timedelta(hours=hours))
    reports.print_status(console, settings)
    assert any("quota of app an-app is used up until" in line for line in said(console)) == is_told


def test_status_of_a_synced_lake(console, synced):
    reports.print_status(console, synced.settings)
    lines = said(console)
    assert "a.json read 1 1 0 2024-01 2024-01" in lines
    assert "b.json read 1 1 0 2024-03 2024-03" in lines
    assert "Every table is up to date." in lines


def test_status_lists_the_first_files_and_sums_up_the_rest(console, synced, monkeypatch):
    monkeypatch.setattr(reports, "MAX_SHOWN", 2)
    for number in range(3):
        synced.land(f"anna/{number}\x1b.json", b"[{")
    synced.ingest()
    reports.print_status(console, synced.settings)
    lines = said(console)
    assert [line for line in lines if "json" in line] == [
        r"0\x1b.json unreadable 1 0 0 - -",
        r"1\x1b.json unreadable 1 0 0 - -",
        *(line for line in lines if line.startswith("unreadable: ")),
    ]
    assert "and 3 more; --all 3 2 0 2024-01 2024-03" in lines
    assert "and 1 more; spotify-assets status --all lists them" in lines
    console.file = io.StringIO()
    reports.print_status(console, synced.settings, show_all=True)
    assert sum(" unreadable " in line for line in said(console)) == 3
    assert not any("more" in line for line in said(console))


def test_status_of_files_that_wait(console, synced):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    (synced.root / "landing/history/anna/b.json").unlink()
    synced.land("stray.json", b"[]")
    reports.print_status(console, synced.settings)
    lines = said(console)
    assert "b.json deleted 1 1 0 2024-03 2024-03" in lines
    assert "c.json new - - - - -" in lines
    assert any(line.startswith("Not read yet: 1 new, 1 deleted.") for line in lines)
    assert any("history/stray.json" in line for line in lines)
    assert "Every table is up to date." not in lines


def test_status_of_catalogue_files(console, world):
    for name, content in {
        "deep/artists.csv": "id,name,followers\n1,Band,7\n2,Other,8,9\n",
        "tracks.csv": "id,name,artists,energy,valence\n1,Song,Band,0.5,0.5\n",
        "note.csv": "colour,size\n",
        "image.csv": "",
    }.items():
        world.landing.land(f"catalog/{name}", content.encode())
    mirror_catalog(world.landing, world.lake, world.settings)
    world.landing.land("catalog/more.csv", b"id,name,followers\n")
    (world.root / "landing/catalog/tracks.csv").unlink()
    reports.print_status(console, world.settings)
    lines = said(console)
    start = lines.index("Catalogue (4 files)")
    assert lines[start + 1 : start + 8] == [
        "file state rows bad rows feeds",
        "deep/artists.csv read 2 1 artists",
        "image.csv unreadable 0 0 -",
        "tracks.csv deleted 1 0 tracks, features",
        "more.csv new - - -",
        "unreadable: image.csv (it is empty)",
        "ignored: note.csv (its header is none of a catalogue: colour,size)",
    ]
    assert "Catalogue files not read yet: 1 new, 1 deleted. spotify-assets sync reads them." in lines


def test_status_of_stale_tables(console, synced):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    synced.ingest()
    reports.print_status(console, synced.settings)
    assert any(line.startswith("Stale: 1 partition, ") for line in said(console))


def test_status_and_totals_of_a_lake_with_damaged_tables(console, synced):
    for table, kind in {"plays": "file_cut", "rejected_plays": "entry_cut", "raw_plays": "file_gone"}.items():
        KINDS[kind](Path(synced.lake.table_uri(table)))
    reports.print_status(console, synced.settings)
    damaged = [line for line in said(console) if " is damaged: " in line]
    assert {line.split()[0] for line in damaged} == {"plays", "raw_plays", "rejected_plays"}
    assert all(line.rstrip(".").endswith("; spotify-assets sync makes it again") for line in damaged)
    assert "Not read yet: 2 read again. spotify-assets sync reads them." in said(console)
    assert "Every table is up to date." not in said(console)
    assert reports.totals(synced.lake).get("kept", 0) == 0


def test_status_without_a_register_of_files(console, synced):
    KINDS["entry_cut"](Path(synced.lake.table_uri("raw_files")))
    reports.print_status(console, synced.settings)
    assert "Not read yet: 2 new. spotify-assets sync reads them." in said(console)


def test_tables_are_emptied_and_what_is_lost_is_told(console, synced):
    (synced.root / "landing/history/anna/b.json").unlink()
    reports.reset_tables(console, synced.settings, ["raw_plays", "plays"])
    assert said(console) == [
        "! history/anna/b.json is no longer landed, and records from there not read again.",
        "raw_plays is emptied, and read again from landing/history.",
        "plays is emptied, and computed again.",
    ]
    assert (synced.rows("raw_plays"), synced.rows("plays")) == ([], [])


def test_totals(synced):
    assert {name: count for name, count in reports.totals(synced.lake).items() if count} == {"landed": 2, "kept": 2}


def test_plays_that_were_reported_late(lake):
    def placed(number, hours):
        at = datetime(2024, 1, 31, 12, tzinfo=UTC)
        row = dict.fromkeys(TABLES["plays"].columns) | {"play_id": str(number), "listener": "anna"}
        return row | {"played_at": at, "reported_at": at + timedelta(hours=hours), "played_at_is_corrected": hours > 0}

    plays = pa.Table.from_pylist([placed(*row) for row in enumerate((0, 2, 5, 50))], TABLES["plays"].arrow_schema)
    write_deltalake(lake.table_uri("plays"), plays)
    assert reports._late_plays(lake) == {"anna": (3, 5.0, 50.0)}
    assert reports.totals(lake)["reported late"] == 3


def test_genres_of_the_demo_say_of_how_much_they_are(console, lake):
    def write(table, *rows):
        nothing = dict.fromkeys(TABLES[table].columns)
        write_deltalake(
            lake.table_uri(table), pa.Table.from_pylist([nothing | row for row in rows], TABLES[table].arrow_schema)
        )

    def covers(listener, attribute, known):
        return {"listener": listener, "attribute": attribute, "ms_played": 1_000, "known_ms_played": known}

    def played(key, hours):
        return {"listener": "anna", "track_key": key, "total_plays": 2, "total_ms_played": hours * 3_600_000}

    reports.print_genres(console, lake, ["anna"])
    assert said(console) == []
    write(
        "catalogue_coverage",
        covers("anna", "genre", 613),
        covers("anna", "features", 250),
        covers("anna", "popularity", 1_000),
        covers("ben", "genre", 0),
    )
    write("track_metrics", played("a", 5), played("b", 3), played("c", 4), played("d", 90))
    family = {"a": "hip_hop", "b": "indie", "c": "indie", "d": None}
    write("dim_track", *({"track_key": key, "genre_family": name} for key, name in family.items()))
    reports.print_genres(console, lake, ["anna"])
    assert said(console) == [
        "top genre families plays hours",
        "indie 4 7",
        "hip hop 2 5",
        "Known, of the listening time: genre 61%, audio features 25%",
    ]


def test_plays_of_a_lake_from_before_late_plays_were_placed(lake):
    older = pa.schema([field for field in TABLES["plays"].arrow_schema if field.name != "played_at_is_corrected"])
    write_deltalake(lake.table_uri("plays"), older.empty_table())
    assert reports._late_plays(lake) == {}
    assert "reported late" not in reports.totals(lake)


def test_status_names_what_of_overrides_is_not_used(console, settings):
    overrides = Path(settings.landing_uri, "overrides")
    overrides.mkdir(parents=True)
    for name in ("exclusions.csv", "exclusion.csv"):
        (overrides / name).write_text("what,value\nfood,pie\n")
    reports.print_status(console, settings)
    lines = [line for line in said(console) if line.startswith("overrides/")]
    assert [line.partition(",")[0] for line in lines] == [
        "overrides/exclusions.csv: line 2: expected artist",
        "overrides/exclusion.csv: files of overrides are called date_order.csv",
    ]
