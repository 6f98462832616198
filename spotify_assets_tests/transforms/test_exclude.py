import pytest

from spotify_assets import transforms
from spotify_assets.landing.corrections import exclusion_row
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc

ID = "4uLU6hMCjMI75M1A2tKUQC"
RECORD = {
    "listener": "anna",
    "source_file": "history/anna/a.zip!in/a.json",
    "source_row": 0,
    "source_format": "extended",
    "landed_at": utc("2025-01-01 00:00:00"),
    "reported_at": utc("2024-01-31 23:59:59"),
    "played_at": utc("2024-01-31 23:59:59"),
    "ms_played": "200000",
    "platform": "Android OS 9",
    "track_uri": f"spotify:track:{ID}",
    "track_name": "Lullaby - Short",
    "artist_name": "The Band",
    "album_name": "Sleep",
}
SPOKEN = dict.fromkeys(("track_uri", "track_name", "artist_name", "album_name")) | {
    "episode_name": "#1",
    "show_name": "Show",
}


@pytest.fixture
def reason(frame):
    """Why the record is rejected, with these lines of exclusions; None where it is kept."""

    def judge(*lines, **record):
        row = RECORD | record
        file = {"listener": row["listener"], "source_file": row["source_file"], "status": "read", "records": 1,
                "undated_records": 0, "is_minute_precise": False, "source_format": row["source_format"],
                "first_reported_at": row["reported_at"], "last_reported_at": row["reported_at"]}  # fmt: skip
        exclusions = frame("raw_exclusions", [exclusion_row({"value": ""} | line) for line in lines])
        inputs = (frame("raw_plays", [row]), frame("raw_files", [file]), exclusions)
        rejected = transforms.rejected_plays(*inputs, settings=load_settings()).collect()
        kept = transforms.plays(*inputs, settings=load_settings()).count()
        assert kept + len(rejected) == 1
        return rejected[0]["reason"] if rejected else None

    return judge


@pytest.mark.parametrize(
    "line",
    [
        {"what": "artist", "value": " THE band"},
        {"what": "album", "value": "sleep"},
        {"what": "album", "value": "The Band - Sleep"},
        {"what": "track", "value": f"https://open.spotify.com/track/{ID}?si=x"},
        {"what": "track", "value": "lullaby - short"},
        {"what": "track", "value": "The Band - Lullaby - Short", "listener": "anna"},
        {"what": "device", "value": "android os 9"},
        {"what": "source_file", "value": "history/anna/a.zip"},
        {"what": "source_file", "value": "history/anna/a.zip!in/a.json"},
        {"what": "period", "from": "2024-01-31", "until": "2024-01-31"},
        {"what": "period", "from": "2024-02-01T00:59:59+01:00"},
    ],
)
def test_what_a_line_names_is_excluded(reason, line):
    assert reason(line) == "excluded"


@pytest.mark.parametrize(
    "line",
    [
        {"what": "artist", "value": "Band"},
        {"what": "artist", "value": "The Band", "listener": "ben"},
        {"what": "track", "value": "Lullaby"},
        {"what": "show", "value": "The Band"},
        {"what": "source_file", "value": "history/anna"},
        {"what": "artist", "value": "The Band", "from": "2024-02-01"},
        {"what": "period", "until": "2024-01-31T23:59:59"},
    ],
)
def test_other_plays_are_kept(reason, line):
    assert reason(line) is None


def test_a_show_is_excluded_by_name(reason):
    assert reason({"what": "show", "value": "SHOW"}, **SPOKEN) == "excluded"
    assert reason({"what": "artist", "value": "The Band"}, {"what": "album", "value": "Sleep"}, **SPOKEN) is None


def test_a_record_that_breaks_an_earlier_rule_is_rejected_by_that(reason):
    assert reason({"what": "artist", "value": "The Band"}, ms_played="1") == "too_short"


@pytest.mark.integration
def test_any_of_several_lines_excludes(reason):
    lines = [{"what": "artist", "value": f"Artist {number}"} for number in range(500)]
    assert reason(*lines) is None
    assert reason(*lines, {"what": "artist", "value": "The Band", "listener": "anna"}) == "excluded"
