"""Which records of coarse sources a finer source tells; random histories are in `test_random_histories.py`."""

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_judge import listed, record

COARSE = "history/anna/coarse.json"
AT = "2024-03-01 09:30:42"
OTHER = {"track_name": "Another", "artist_name": "Somebody", "ms_played": "111000"}


@pytest.fixture
def superseded(frame):
    """Rows of the coarse file that are superseded."""

    def judge(finer, coarse, source_format="account_data", window=None, **file):
        raw_plays = [record(row, at) | more for row, (at, more) in enumerate(finer)]
        raw_plays += [
            record(row, at, source_file=COARSE, source_format=source_format, track_uri=None) | more
            for row, (at, more) in enumerate(coarse)
        ]
        raw_files = frame("raw_files", [listed(), listed(COARSE, source_format, **file)])
        rejected = transforms.rejected_plays(
            frame("raw_plays", raw_plays), raw_files, settings=load_settings(), window=window
        ).collect()
        return sorted(row["source_row"] for row in rejected if row["reason"] == "superseded")

    return judge


@pytest.mark.parametrize(
    ("minute", "rows"),
    [("09:28", []), ("09:29", [0]), ("09:30", [0]), ("09:31", [0]), ("09:32", [])],
)
def test_a_minute_agrees_with_itself_and_those_beside_it(superseded, minute, rows):
    assert superseded([(AT, {})], [(f"2024-03-01 {minute}:00", {})]) == rows


@pytest.mark.parametrize(
    ("time", "rows"),
    [
        ("09:29:42", [0]),  # a minute before the end
        ("09:31:42", [0]),
        ("09:31:43", []),
        ("09:27:22", [0]),  # the start, 200 s before the end
        ("09:26:22", [0]),
        ("09:26:21", []),
        ("09:28:23", []),  # neither near the start nor near the end
    ],
)
def test_a_time_to_the_second_may_be_the_start_or_the_end(superseded, time, rows):
    assert superseded([(AT, {})], [(f"2024-03-01 {time}", {})], "recently_played") == rows


@pytest.mark.parametrize(
    "coarse",
    [
        {"ms_played": "5000"},  # the names
        {"track_name": "Renamed", "artist_name": "Renamed"},  # the length
        OTHER | {"track_uri": "spotify:track:2J3n32GeLmMjwuAzyhcSNe"},
        OTHER,  # neither, and nothing else is left over
    ],
)
def test_what_may_be_the_same_play_is(superseded, coarse):
    assert superseded([(AT, {})], [("2024-03-01 09:30:00", coarse)]) == [0]


def test_old_account_data_tells_podcasts_as_music(superseded):
    episode = {"track_uri": None, "track_name": None, "artist_name": None, "show_name": "Show", "episode_name": "#1"}
    as_music = {"track_name": "#1", "artist_name": "SHOW", "ms_played": "1000"}
    finer = [(AT, episode), (AT, OTHER)]
    assert superseded(finer, [("2024-03-01 09:30:00", as_music), ("2024-03-01 09:30:00", OTHER)]) == [0, 1]


def test_a_finer_record_answers_for_one_coarse_record_under_another_name(superseded):
    coarse = [("2024-03-01 09:30:00", OTHER | {"track_name": name}) for name in ("B", "A", "C")]
    assert superseded([(AT, {})], coarse) == [1]
    assert superseded([(AT, {}), (AT, {"track_name": "Song 2", "track_uri": None})], coarse) == [0, 1]


def test_a_finer_record_that_tells_one_answers_for_no_other(superseded):
    assert superseded([(AT, {})], [("2024-03-01 09:30:00", {}), ("2024-03-01 09:30:00", OTHER)]) == [0]


def test_one_play_in_two_finer_files_answers_once(superseded):
    coarse = [("2024-03-01 09:30:00", OTHER | {"track_name": name}) for name in ("A", "B")]
    assert superseded([(AT, {}), (AT, {})], coarse) == [0]


def test_the_same_minute_is_paired_first(superseded):
    coarse = [("2024-03-01 09:29:00", OTHER | {"track_name": "A"}), ("2024-03-01 09:30:00", OTHER)]
    assert superseded([(AT, {})], coarse) == [1]


def test_who_lost_the_nearest_takes_the_next(superseded):
    finer = [("2024-03-01 09:30:30", {"ms_played": "1000"}), ("2024-03-01 09:31:10", {"ms_played": "1000"})]
    coarse = [("2024-03-01 09:30:20", OTHER | {"track_name": "A"}), ("2024-03-01 09:30:31", OTHER)]
    assert superseded(finer, coarse, "recently_played") == [0, 1]
    assert superseded(finer[:1], coarse, "recently_played") == [0]


@pytest.mark.parametrize(
    ("broken", "rows"),
    [({"ms_played": "10"}, [0]), ({"track_uri": None, "track_name": None}, [0]), ({"ms_played": "x"}, [])],
)
def test_finer_records_count_whatever_becomes_of_them_but_bad_durations(superseded, broken, rows):
    assert superseded([(AT, broken)], [("2024-03-01 09:30:00", {})]) == rows


def test_what_a_file_lacks_is_kept_within_its_time(superseded):
    finer = [("2024-02-01 00:00:00", {}), ("2024-04-01 00:00:00", {})]
    assert superseded(finer, [(f"2024-03-{day:02d} 12:00:00", {}) for day in range(1, 31)]) == []


@pytest.mark.parametrize(
    ("finer", "coarse", "rows"),
    [
        ({"source_format": "maven_csv"}, "account_data", [0]),
        ({}, "maven_csv", []),
        ({"source_format": "account_data"}, "account_data", []),
        ({"source_format": "recently_played"}, "account_data", []),
        ({"source_format": "account_data"}, "recently_played", [0]),
        ({"source_format": "account_data"}, "lastfm", [0]),
        ({"source_format": "listenbrainz"}, "lastfm", []),
        ({"source_format": "listenbrainz"}, "recently_played", [0]),
    ],
)
def test_which_source_is_finer(frame, finer, coarse, rows):
    raw_plays = [
        record(0, "2024-03-01 09:30:00") | finer,
        record(0, "2024-03-01 09:30:00", source_file=COARSE, source_format=coarse),
    ]
    files = [listed(**finer), listed(COARSE, coarse)]
    rejected = transforms.rejected_plays(
        frame("raw_plays", raw_plays), frame("raw_files", files), settings=load_settings()
    ).collect()
    assert [
        row["source_row"] for row in rejected if row["reason"] == "superseded" and row["source_file"] == COARSE
    ] == rows


def test_a_csv_of_minute_precision_is_coarse(superseded):
    finer, coarse = [(AT, {})], [("2024-03-01 09:30:00", OTHER)]
    assert superseded(finer, coarse, "maven_csv", is_minute_precise=True) == [0]
    assert superseded(finer, coarse, "maven_csv", is_minute_precise=False) == []


def test_listeners_tell_nothing_of_each_other(superseded):
    assert superseded([(AT, {"listener": "ben"})], [("2024-03-01 09:30:00", {})]) == []


def test_a_month_sees_what_is_told_on_the_day_before(superseded):
    february = TimeWindow(utc("2024-02-01 00:00:00"), utc("2024-03-01 00:00:00"))
    finer, coarse = [("2024-01-31 23:59:50", {})], [("2024-02-01 00:00:00", {})]
    assert superseded(finer, coarse, window=february) == [0]
