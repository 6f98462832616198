import pytest

from spotify_assets.cli.overrides import append_lines, usable_lines
from spotify_assets.landing.corrections import EXCLUSIONS_HEADER, BadLineError
from spotify_assets.landing.zone import LandingZone

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


def test_lines_are_listed_and_bad_ones_told(tmp_path):
    append(tmp_path, "what,value\nfood,\n", {"what": "artist", "value": "Band"})
    problems = []
    assert usable_lines(LandingZone(str(tmp_path)), problems) == [(PATH, 3, "excluded: artist Band")]
    assert len(problems) == 1
