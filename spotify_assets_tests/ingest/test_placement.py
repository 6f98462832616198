"""When a play ended that was reported late."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from spotify_assets.ingest.placement import placed_times
from spotify_assets_tests.conftest import utc

START = datetime(2008, 10, 1, tzinfo=UTC)
REPORTED = utc("2024-05-20 12:00:00")
BEGAN = utc("2024-05-01 08:00:00")
# 200 s after the start.
ENDED = utc("2024-05-01 08:03:20")
SECONDS, MILLISECONDS = (str(int(BEGAN.timestamp() * factor)) for factor in (1, 1000))
LATE = {"offline": "true", "reason_end": "trackdone", "offline_timestamp": SECONDS, "ms_played": "200000"}


def placed(source_format="extended", reported_at=REPORTED, **fields):
    """`offline_at` and `played_at` of one record."""
    columns = {name: pa.array([text], pa.string()) for name, text in (LATE | fields).items()}
    times = pa.array([reported_at], pa.timestamp("us", "UTC"))
    table = pa.table(columns | {"reported_at": times})
    offline_at, played_at = placed_times(table, source_format, START)
    return offline_at[0].as_py(), played_at[0].as_py()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"offline_timestamp": MILLISECONDS},
        {"offline_timestamp": f" {SECONDS}.0 "},
        {"offline": "1"},
        {"offline": "True"},
        {"ms_played": "200000.0"},
        {"offline": "false", "reason_end": "logout"},
        {"offline": None, "reason_end": "Unexpected-Exit"},
        {"offline": None, "reason_end": "unexpected-exit-while-paused"},
    ],
)
def test_a_play_that_was_reported_late_ended_its_length_after_its_start(fields):
    assert placed(**fields) == (BEGAN, ENDED)


def test_milliseconds_of_the_start_are_kept():
    assert placed(offline_timestamp=MILLISECONDS[:-3] + "123")[1] == ENDED + timedelta(milliseconds=123)


@pytest.mark.parametrize(
    "fields",
    [
        {"offline": "false"},
        {"offline": None, "reason_end": None},
        {"ms_played": None},
        {"ms_played": "-1"},
        {"ms_played": "long"},
    ],
)
def test_other_gaps_are_pauses_within_a_play(fields):
    assert placed(**fields) == (BEGAN, REPORTED)


@pytest.mark.parametrize(
    ("offline_timestamp", "begins"),
    [
        ("0", None),
        ("17", None),
        ("-1714550400", None),
        ("1e9", None),
        ("soon", None),
        (None, None),
        ("9" * 30, None),
        (str(int(START.timestamp()) - 1), None),
        (str(int(START.timestamp())), START),
        (str(int(REPORTED.timestamp())), REPORTED),
        (str(int(REPORTED.timestamp()) + 1), None),
    ],
)
def test_a_start_is_plausible_between_the_start_of_plays_and_the_report(offline_timestamp, begins):
    assert placed(offline_timestamp=offline_timestamp) == (begins, REPORTED)


@pytest.mark.parametrize(
    ("delay", "is_corrected"),
    [
        (timedelta(seconds=60), False),
        (timedelta(seconds=61), True),
        (timedelta(days=31), True),
        (timedelta(days=31, seconds=1), False),
        (timedelta(seconds=-100), False),
    ],
)
def test_a_delay_is_over_a_minute_and_at_most_31_days(delay, is_corrected):
    reported_at = ENDED + delay
    assert placed(reported_at=reported_at) == (BEGAN, ENDED if is_corrected else reported_at)


def test_only_extended_exports_are_placed():
    assert placed("maven_csv") == (None, REPORTED)


def test_a_record_without_a_time_has_no_place():
    assert placed(reported_at=None) == (None, None)


def test_records_are_placed_one_by_one():
    columns = {name: pa.array([text] * 3, pa.string()) for name, text in LATE.items()}
    columns["offline"] = pa.array(["false", "true", None])
    table = pa.table(columns | {"reported_at": pa.array([REPORTED] * 3, pa.timestamp("us", "UTC"))})
    _, played_at = placed_times(table, "extended", START)
    assert played_at.to_pylist() == [REPORTED, ENDED, REPORTED]
