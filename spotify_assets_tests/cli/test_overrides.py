import json

import pytest

from spotify_assets.cli import commands
from spotify_assets.cli.overrides import append_lines, remove_lines_about, usable_lines
from spotify_assets.landing.corrections import EXCLUSIONS_HEADER, BadLineError
from spotify_assets.landing.zone import LandingZone
from spotify_assets_tests.conftest import extended

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
    assert usable_lines(LandingZone(str(tmp_path)), problems) == [
        (PATH, 3, "excluded: artist Band"),
        ("overrides/genres.csv", 2, "genres of artist Band: rock, zouk"),
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
        "overrides/merges.csv, line 2: artist Old is counted under New",
        "overrides/exclusions.csv, line 2: excluded: artist Rain",
        "2 lines in use, 0 skipped; the last sync excluded 1 play.",
    ]
