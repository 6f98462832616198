"""Which records of coarse sources a finer source tells; random histories are in `test_random_histories.py`."""

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets.windows import TimeWindow
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_judge import listed, record

AT = "2024-03-01 09:30:42"
OTHER = {"track_name": "Another", "artist_name": "Somebody", "ms_played": "111000"}


@pytest.fixture
def superseded_of(frame):
    """Rows of the coarse file that are superseded, for each case: all in one query, each as a listener of its own.

    A case is a list of times and other values of the finer source, one of the coarse, and what differs of its file.
    """

    def judge(cases, window=None):
        raw_plays, files = [], []
        for number, (finer, coarse, of_file) in enumerate(cases.values()):
            of_file = {"source_format": "account_data"} | of_file
            listener, fine_file, coarse_file = (
                f"listener {number}",
                f"history/{number}/a.json",
                f"history/{number}/b.json",
            )
            of_fine = {"listener": listener, "source_file": fine_file}
            raw_plays += [record(row, at) | of_fine | more for row, (at, more) in enumerate(finer)]
            of_coarse = {"listener": listener, "source_file": coarse_file, "source_format": of_file["source_format"]}
            raw_plays += [record(row, at, track_uri=None) | of_coarse | more for row, (at, more) in enumerate(coarse)]
            fine_format = finer[0][1].get("source_format", "extended")
            files += [listed(fine_file, fine_format, listener=listener)]
            files += [listed(coarse_file, listener=listener, **of_file)]
        rejected = transforms.rejected_plays(
            frame("raw_plays", raw_plays), frame("raw_files", files), settings=load_settings(), window=window
        ).collect()
        found = {name: [] for name in cases}
        names = {f"history/{number}/b.json": name for number, name in enumerate(cases)}
        for row in sorted(rejected, key=lambda row: row["source_row"]):
            if row["reason"] == "superseded" and row["source_file"] in names:
                found[names[row["source_file"]]].append(row["source_row"])
        return found

    return judge


@pytest.fixture
def superseded(superseded_of):
    """Rows of the coarse file that are superseded."""

    def judge(finer, coarse, source_format="account_data", window=None, **of_file):
        of_file |= {"source_format": source_format}
        return superseded_of({"": (finer, coarse, of_file)}, window)[""]

    return judge


def test_a_minute_agrees_with_itself_and_those_beside_it(superseded_of):
    rows = {"09:28": [], "09:29": [0], "09:30": [0], "09:31": [0], "09:32": []}
    cases = {minute: ([(AT, {})], [(f"2024-03-01 {minute}:00", {})], {}) for minute in rows}
    assert superseded_of(cases) == rows


def test_a_time_to_the_second_may_be_the_start_or_the_end(superseded_of):
    rows = {
        "09:29:42": [0],  # a minute before the end
        "09:31:42": [0],
        "09:31:43": [],
        "09:27:22": [0],  # the start, 200 s before the end
        "09:26:22": [0],
        "09:26:21": [],
        "09:28:23": [],  # neither near the start nor near the end
    }
    of_file = {"source_format": "recently_played"}
    cases = {time: ([(AT, {})], [(f"2024-03-01 {time}", {})], of_file) for time in rows}
    assert superseded_of(cases) == rows


def test_what_may_be_the_same_play_is(superseded_of):
    coarse = {
        "the names": {"ms_played": "5000"},
        "the length": {"track_name": "Renamed", "artist_name": "Renamed"},
        "the id": OTHER | {"track_uri": "spotify:track:2J3n32GeLmMjwuAzyhcSNe"},
        "neither, and nothing else is left over": OTHER,
    }
    cases = {name: ([(AT, {})], [("2024-03-01 09:30:00", values)], {}) for name, values in coarse.items()}
    assert superseded_of(cases) == {name: [0] for name in coarse}


def test_old_account_data_tells_podcasts_as_music(superseded):
    episode = {"track_uri": None, "track_name": None, "artist_name": None, "show_name": "Show", "episode_name": "#1"}
    as_music = {"track_name": "#1", "artist_name": "SHOW", "ms_played": "1000"}
    finer = [(AT, episode), (AT, OTHER)]
    assert superseded(finer, [("2024-03-01 09:30:00", as_music), ("2024-03-01 09:30:00", OTHER)]) == [0, 1]


def test_a_finer_record_answers_for_one_coarse_record_under_another_name(superseded_of):
    coarse = [("2024-03-01 09:30:00", OTHER | {"track_name": name}) for name in ("B", "A", "C")]
    two = [(AT, {}), (AT, {"track_name": "Song 2", "track_uri": None})]
    assert superseded_of({1: ([(AT, {})], coarse, {}), 2: (two, coarse, {})}) == {1: [1], 2: [0, 1]}


def test_a_finer_record_that_tells_one_answers_for_no_other(superseded):
    assert superseded([(AT, {})], [("2024-03-01 09:30:00", {}), ("2024-03-01 09:30:00", OTHER)]) == [0]


def test_one_play_in_two_finer_files_answers_once(superseded):
    coarse = [("2024-03-01 09:30:00", OTHER | {"track_name": name}) for name in ("A", "B")]
    assert superseded([(AT, {}), (AT, {})], coarse) == [0]


def test_the_same_minute_is_paired_first(superseded):
    coarse = [("2024-03-01 09:29:00", OTHER | {"track_name": "A"}), ("2024-03-01 09:30:00", OTHER)]
    assert superseded([(AT, {})], coarse) == [1]


def test_who_lost_the_nearest_takes_the_next(superseded_of):
    finer = [("2024-03-01 09:30:30", {"ms_played": "1000"}), ("2024-03-01 09:31:10", {"ms_played": "1000"})]
    coarse = [("2024-03-01 09:30:20", OTHER | {"track_name": "A"}), ("2024-03-01 09:30:31", OTHER)]
    of_file = {"source_format": "recently_played"}
    assert superseded_of({2: (finer, coarse, of_file), 1: (finer[:1], coarse, of_file)}) == {2: [0, 1], 1: [0]}


def test_finer_records_count_whatever_becomes_of_them_but_bad_durations(superseded_of):
    broken = {
        "too short": {"ms_played": "10"},
        "without content": {"track_uri": None, "track_name": None},
        "no duration": {"ms_played": "x"},
    }
    cases = {name: ([(AT, values)], [("2024-03-01 09:30:00", {})], {}) for name, values in broken.items()}
    assert superseded_of(cases) == {"too short": [0], "without content": [0], "no duration": []}


def test_what_a_file_lacks_is_kept_within_its_time(superseded):
    finer = [("2024-02-01 00:00:00", {}), ("2024-04-01 00:00:00", {})]
    assert superseded(finer, [(f"2024-03-{day:02d} 12:00:00", {}) for day in range(1, 31)]) == []


def test_which_source_is_finer(superseded_of):
    rows = {
        ("maven_csv", "account_data"): [0],
        ("extended", "maven_csv"): [],
        ("account_data", "account_data"): [],
        ("recently_played", "account_data"): [],
        ("account_data", "recently_played"): [0],
        ("account_data", "lastfm"): [0],
        ("listenbrainz", "lastfm"): [],
        ("listenbrainz", "recently_played"): [0],
    }
    at = "2024-03-01 09:30:00"
    cases = {
        (finer, coarse): ([(at, {"source_format": finer})], [(at, {})], {"source_format": coarse})
        for finer, coarse in rows
    }
    assert superseded_of(cases) == rows


def test_a_csv_of_minute_precision_is_coarse(superseded_of):
    finer, coarse = [(AT, {})], [("2024-03-01 09:30:00", OTHER)]
    of_file = {"source_format": "maven_csv"}
    cases = {minute: (finer, coarse, of_file | {"is_minute_precise": minute}) for minute in (True, False)}
    assert superseded_of(cases) == {True: [0], False: []}


def test_listeners_tell_nothing_of_each_other(superseded):
    assert superseded([(AT, {"listener": "ben"})], [("2024-03-01 09:30:00", {})]) == []


def test_a_month_sees_what_is_told_on_the_day_before(superseded):
    february = TimeWindow(utc("2024-02-01 00:00:00"), utc("2024-03-01 00:00:00"))
    finer, coarse = [("2024-01-31 23:59:50", {})], [("2024-02-01 00:00:00", {})]
    assert superseded(finer, coarse, window=february) == [0]
