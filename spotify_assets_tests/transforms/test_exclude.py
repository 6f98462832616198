from datetime import timedelta

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


def listed(record):
    """The register's row for the file of a record."""
    return {
        "listener": record["listener"],
        "source_file": record["source_file"],
        "status": "read",
        "records": 1,
        "undated_records": 0,
        "is_minute_precise": False,
        "source_format": record["source_format"],
        "first_reported_at": record["reported_at"],
        "last_reported_at": record["reported_at"],
    }


@pytest.fixture
def judge(frame):
    """Reason by listener of records, one of each; None where it is kept."""

    def judge(records, lines):
        files = [listed(record) for record in records]
        exclusions = [exclusion_row({"value": ""} | line) for line in lines]
        inputs = (frame("raw_plays", records), frame("raw_files", files), frame("raw_exclusions", exclusions))
        rejected = transforms.rejected_plays(*inputs, settings=load_settings()).collect()
        kept = transforms.plays(*inputs, settings=load_settings()).collect()
        assert len(kept) + len(rejected) == len(records)
        return {row["listener"]: row["reason"] for row in rejected} | {row["listener"]: None for row in kept}

    return judge


@pytest.fixture
def reason(judge):
    """Why the record is rejected, with these lines of exclusions; None where it is kept."""
    return lambda *lines, **record: judge([RECORD | record], lines)["anna"]


@pytest.fixture
def reasons(judge):
    """Reason of the record for each line, all in one query: as a listener of its own, which the line names."""

    def of_each(lines):
        records, of_all = [], []
        for number, line in enumerate(lines):
            owner = f"anna{number}"
            records.append(RECORD | {"listener": owner, "source_file": RECORD["source_file"].replace("anna", owner)})
            value = line.get("value", "").replace("history/anna", f"history/{owner}")
            of_all.append({"listener": owner} | line | {"value": value})
        found = judge(records, of_all)
        return [found[record["listener"]] for record in records]

    return of_each


def test_what_a_line_names_is_excluded(reasons):
    lines = [
        {"what": "artist", "value": " THE band"},
        {"what": "album", "value": "sleep"},
        {"what": "album", "value": "The Band - Sleep"},
        {"what": "track", "value": f"https://open.spotify.com/track/{ID}?si=x"},
        {"what": "track", "value": "lullaby - short"},
        {"what": "track", "value": "The Band - Lullaby - Short"},
        {"what": "device", "value": "android os 9"},
        {"what": "source_file", "value": "history/anna/a.zip"},
        {"what": "source_file", "value": "history/anna/a.zip!in/a.json"},
        {"what": "period", "from": "2024-01-31", "until": "2024-01-31"},
        {"what": "period", "from": "2024-02-01T00:59:59+01:00"},
    ]
    assert reasons(lines) == ["excluded"] * len(lines)


def test_a_line_without_a_listener_is_for_all(reason):
    assert reason({"what": "track", "value": "lullaby - short"}) == "excluded"


def test_other_plays_are_kept(reasons):
    lines = [
        {"what": "artist", "value": "Band"},
        {"what": "artist", "value": "The Band", "listener": "ben"},
        {"what": "track", "value": "Lullaby"},
        {"what": "show", "value": "The Band"},
        {"what": "source_file", "value": "history/anna"},
        {"what": "artist", "value": "The Band", "from": "2024-02-01"},
        {"what": "period", "until": "2024-01-31T23:59:59"},
    ]
    assert reasons(lines) == [None] * len(lines)


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


def test_a_thousand_periods(judge):
    """Each is a condition of the query, which mustn't be nested as deep as there are lines."""
    first = RECORD["reported_at"].date()
    lines = [
        {"what": "period", "listener": "anna", "from": f"{day}", "until": f"{day}"}
        for day in (first - timedelta(days=2 * number) for number in range(1000))
    ]
    records = [
        RECORD | {"source_row": row, "source_file": f"{row}", "listener": listener, "reported_at": at, "played_at": at}
        for row, (listener, at) in enumerate(
            {"anna": RECORD["reported_at"] - timedelta(days=500), "ben": RECORD["reported_at"]}.items()
        )
    ]
    assert judge(records, lines) == {"anna": "excluded", "ben": None}
    at = records[0]["reported_at"] + timedelta(days=1)
    assert judge([records[0] | {"reported_at": at, "played_at": at}], lines) == {"anna": None}
