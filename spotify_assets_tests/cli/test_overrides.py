import json
from io import StringIO

import pytest
from rich.console import Console

from spotify_assets.cli import commands
from spotify_assets.cli.overrides import append_lines, print_overrides, remove_lines_about, usable_lines
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import EXCLUSIONS_HEADER, BadLineError, correction_rows, exclusion_row
from spotify_assets.landing.zone import LandingZone
from spotify_assets_tests.cli.test_override_effects import write
from spotify_assets_tests.conftest import extended, utc
from spotify_assets_tests.lake.broken import KINDS

pytestmark = pytest.mark.integration

PATH = "overrides/exclusions.csv"
LINE = {"listener": "*", "what": "artist", "value": "Band, The"}


def append(tmp_path, before, *lines):
    landing, path = LandingZone(str(tmp_path)), tmp_path / PATH
    if before is not None:
        landing.land(PATH, before.encode())
    _, count = append_lines(landing, "raw_exclusions", EXCLUSIONS_HEADER, lines)
    return count, path.read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, 'listener,what,value,from,until,note\n*,artist,"Band, The",,,\n'),
        ("what,value\nshow,A", 'what,value\nshow,A\nartist,"Band, The"\n'),
        ("\ufeffValue;What;Listener\r\nA;show;\r\n", "\ufeffValue;What;Listener\r\nA;show;\r\nBand, The;artist;*\r\n"),
    ],
)
def test_a_line_takes_the_form_of_the_file(tmp_path, before, after):
    line = LINE if before is None or "Listener" in before else {**LINE, "listener": ""}
    assert append(tmp_path, before, line) == (1, after)
    assert append(tmp_path, None, line | {"note": ""}) == (0, after)


def test_a_bad_line_or_header_changes_nothing(tmp_path):
    for before, line in (
        ("what,value\n", LINE | {"what": "food"}),
        ("artist\n", LINE),
        ("what,value\n", LINE | {"from": "2024-01-01"}),
    ):
        with pytest.raises(BadLineError):
            append(tmp_path, before, line)
        assert (tmp_path / PATH).read_text() == before


@pytest.mark.parametrize("change", [lambda landing: append_lines(landing, "raw_exclusions", EXCLUSIONS_HEADER, [LINE]),
                                    lambda landing: remove_lines_about(landing, "anna")])  # fmt: skip
def test_a_file_that_is_no_text_is_named_and_stays(tmp_path, change):
    landing, content = LandingZone(str(tmp_path)), "what,value\nartist,Björk\n".encode("latin-1")
    landing.land(PATH, content)
    with pytest.raises(BadLineError, match=f"^{PATH} can't be used: .*; correct it$"):
        change(landing)
    assert (tmp_path / PATH).read_bytes() == content


def test_lines_are_listed_and_bad_ones_told(tmp_path):
    append(tmp_path, "what,value\nfood,\n", {"what": "artist", "value": "Band"})
    problems = []
    LandingZone(str(tmp_path)).land("overrides/genres.csv", b"artist,genre\nBand,rock;zouk\n")
    assert [str(line) for line in usable_lines(LandingZone(str(tmp_path)), problems)] == [
        f"{PATH}, line 3: excluded: artist Band",
        "overrides/genres.csv, line 2: genres of artist Band: rock, zouk",
    ]
    assert len(problems) == 1


def test_lines_about_a_listener_are_removed_and_others_stay(tmp_path):
    landing = LandingZone(str(tmp_path))
    others = '\ufeffWhat;Value;Listener;Note\r\nartist;A;*;"two\r\nlines"\r\nsource_file;history/annabel/x.json;;\r\n'
    landing.land(PATH, f"{others}artist;A;anna;\r\nsource_file;history/anna/x.json;;\r\n".encode())
    landing.land("overrides/date_order.csv", b"source_file,order\nhistory/anna/x.csv,day_first\n")
    assert remove_lines_about(landing, "anna") == {PATH: 2, "overrides/date_order.csv": 1}
    assert (tmp_path / PATH).read_bytes().decode() == others
    assert (tmp_path / "overrides/date_order.csv").read_text() == "source_file,order\n"
    assert remove_lines_about(landing, "anna") == {}


def test_plays_are_excluded_and_artists_merged_by_commands(run, tmp_path, monkeypatch):
    plays = [
        extended(f"2024-01-0{day}T12:00:00Z", artist=artist) for day, artist in enumerate(("Old", "New", "Rain"), 1)
    ]
    LandingZone(str(tmp_path / "data/landing")).land("history/anna/a.json", json.dumps(plays).encode())
    with monkeypatch.context() as without_sync:
        without_sync.setattr(commands, "run_sync", lambda: None)
        assert "1 line added to" in run("merge", "artist", "Old", "New")
    excluded = run("exclude", "--artist", "Rain", "--note", "sleep")
    assert "rejected: excluded" in excluded
    counted = run("query", "SELECT artist_name, total_plays FROM artist_metrics", "--format", "csv")
    assert counted.split() == ["artist_name,total_plays", "New,2"]
    assert run("overrides").splitlines() == [
        "overrides/merges.csv, line 2: artist Old is counted under New (1 artist, 1 play)",
        "overrides/exclusions.csv, line 2: excluded: artist Rain (1 play)",
        "2 lines in use, 0 skipped; the last sync excluded 1 play.",
    ]
    landing = LandingZone(str(tmp_path / "data/landing"))
    append_lines(landing, "raw_exclusions", EXCLUSIONS_HEADER, [{"what": "artist", "value": "Rian"}])
    assert "excluded: artist Rian (not synced yet)" in run("overrides")


def test_lines_are_listed_without_a_lake_and_nothing_in_them_is_live(run, tmp_path):
    LandingZone(str(tmp_path / "data/landing")).land(
        "overrides/exclusions.csv",
        'what,value,note\nartist,"[red]\x1b[31m\nBand",\nartist,Ü,\nfood,x,\nartist,y,"never\nartist,z,\n'.encode(),
    )
    assert run("overrides").splitlines() == [
        "overrides/exclusions.csv, line 2: excluded: artist [red]\\x1b[31m\\nBand (not synced yet)",
        "overrides/exclusions.csv, line 4: excluded: artist Ü (not synced yet)",
        "! overrides/exclusions.csv: line 5: expected artist, album, track, show, device, source_file or period as "
        "what, got 'food'",
        "! overrides/exclusions.csv: line 6 has a quote that is never closed; no more lines are read",
        "2 lines in use, 2 skipped; the last sync excluded 0 plays.",
    ]
    assert run("overrides", SPOTIFY_ASSETS_LANDING_URI=str(tmp_path / "none")).splitlines() == [
        "0 lines in use, 0 skipped; the last sync excluded 0 plays."
    ]
    refused = run("exclude", "--artist", "Rain", expect=1)
    assert "line 6 has a quote that is never closed; no more lines are read; correct it" in refused


def test_what_lines_concern_is_told_by_each_and_in_sum(tmp_path):
    lake, landing = Lake(str(tmp_path / "lake")), LandingZone(str(tmp_path / "landing"))
    rows = [exclusion_row({"what": "artist", "value": value}) for value in ("Band", "Bnad")]
    rows.append(exclusion_row({"what": "period", "value": "", "from": "2024-01-01"}))
    landing.land(PATH, b"what,value,from\nartist,Band,\nartist,Bnad,\nperiod,,2024-01-01\n")
    write(lake, "raw_exclusions", rows)
    time = utc("2024-01-31 00:00:00")
    play = {"window_at": time, "listener": "anna", "source_file": "a", "source_row": 0, "reason": "excluded"}
    play |= {"played_at": time, "landed_at": time, "artist_name": "Band", "track_name": "Song", "month": time.date()}
    write(lake, "rejected_plays", [play])
    printed = StringIO()
    print_overrides(Console(file=printed, width=1000), landing, lake)
    assert printed.getvalue().splitlines() == [
        f"{PATH}, line 2: excluded: artist Band (1 play)",
        f"{PATH}, line 3: excluded: artist Bnad (matches nothing)",
        f"{PATH}, line 4: excluded: period from 2024-01-01 00:00 (1 play)",
        "3 lines in use, 0 skipped, 1 matches nothing; the last sync excluded 1 play. "
        "A play counts for each line that matches it.",
    ]
    KINDS["file_gone"](tmp_path / "lake/cleaned/rejected_plays")
    with pytest.raises(DamagedTableError):
        print_overrides(Console(file=printed, width=1000), landing, lake)
    assert printed.getvalue().splitlines()[4:] == [
        f"{PATH}, line 2: excluded: artist Band",
        f"{PATH}, line 3: excluded: artist Bnad",
        f"{PATH}, line 4: excluded: period from 2024-01-01 00:00",
    ]


def test_commands_write_their_lines_into_a_bucket(bucket, run, monkeypatch):
    monkeypatch.setattr(commands, "run_sync", lambda: None)
    place = {"SPOTIFY_ASSETS_LANDING_URI": f"{bucket}/landing"}
    assert "1 line added to" in run("merge", "artist", "Old", "New", **place)
    assert "1 line added to" in run("exclude", "--artist", "Band, The", "--listener", "anna", **place)
    assert "1 line added to" in run("exclude", "--from", "2024-01-01", **place)
    assert "nothing new for" in run("exclude", "--artist", "Band, The", "--listener", "anna", "--note", "x", **place)
    landing = LandingZone(f"{bucket}/landing")
    with landing.open("overrides/exclusions.csv") as file:
        assert file.read().decode().splitlines() == [
            "listener,what,value,from,until,note",
            'anna,artist,"Band, The",,,',
            "*,period,,2024-01-01,,",
        ]
    assert [row["merged_into"] for row in correction_rows(landing, "raw_merges")] == ["New"]
    assert run("overrides", **place).splitlines() == [
        "overrides/merges.csv, line 2: artist Old is counted under New (not synced yet)",
        "overrides/exclusions.csv, line 2: excluded: artist Band, The of anna (not synced yet)",
        "overrides/exclusions.csv, line 3: excluded: period from 2024-01-01 00:00 (not synced yet)",
        "3 lines in use, 0 skipped; the last sync excluded 0 plays.",
    ]
