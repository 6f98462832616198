"""Times in every spelling, and files that show the order of day and month, or don't."""

import io

import pyarrow as pa
import pytest

from spotify_assets.readers.history import read_history
from spotify_assets.readers.times import DateEvidence, parse_times
from spotify_assets_tests.conftest import utc

NOON = "2024-05-31 12:00:00"


def parsed(text, order=None):
    table = parse_times(pa.chunked_array([[text]], pa.string()), order, DateEvidence())
    [reported_at] = table["reported_at"].to_pylist()
    return reported_at.strftime("%Y-%m-%d %H:%M:%S.%f").removesuffix(".000000") if reported_at else None


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31T12:00:00z",
        "2024-05-31 12:00:00 UTC",
        "2024-05-31T12:00:00+00:00",
        "2024-05-31 14:00:00+02:00",
        "2024-05-31T14:00:00+0200",
        "2024-05-31T14:00:00.000000000+02",
        "2024-05-31T08:30 -0330",
        "2024-06-01 02:00:00 +14:00",
        "2024-05-31T12:00Z",
        "2024/05/31 12:00:00",
        "2024/5/31 12:00",
        "2024.05.31 12:00",
        "31.05.2024 12:00",
        "31.5.2024 12:00:00",
        "31 May 2024 12:00",
        "31 May 2024, 12:00",
        "31-MAY-2024 12:00:00",
        "31 May 2024, 12:00 PM",
        "1717156800",
        "1717156800000",
        " 1717156800000000 ",
        "1717156800.0",
    ],
)
def test_unambiguous_spellings(text):
    assert parsed(text) == NOON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5/31/2024 0:30", "2024-05-31 00:30:00"),
        ("5/31/2024 12:30 AM", "2024-05-31 00:30:00"),
        ("5/31/2024 12:30:15 p.m.", "2024-05-31 12:30:15"),
        ("5/31/2024 11:59:59 PM", "2024-05-31 23:59:59"),
        ("5/31/2024 13:00 PM", None),
        ("5/31/2024 0:10 AM", None),
        ("05-01-2024 10:00", "2024-05-01 10:00:00"),
        ("05.01.2024 10:00", "2024-01-05 10:00:00"),
        ("31/05/2024 10:00", None),
    ],
)
def test_spellings_with_the_month_first(text, expected):
    assert parsed(text, "month_first") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "yesterday", "now", "infinity", "epoch", "12:00", "2024", "2024-05-31", "May 2024", "31/05/2024"),
        # Dates in digits are no seconds since 1970.
        *("20240531", "202405311200", "20240531120000", "20240531120000000", "123456789", "99999999999999999999"),
        *("-1717156800", "1.7171568E9", "0x665A1A40"),
        *("2024-05-31 24:00+00:00", "2024-05-31 23:59:60+00:00", "2024-05-31 12:61Z", "2024-02-30 12:00Z"),
        *("2024-05-31T12:00:00+15:00", "2024-05-31T12:00:00+2", "2024-05-31T12:00:00 CEST", "2024-05-31T12:00:00,5Z"),
        *("30.02.2024 12:00", "31.05.24 12:00", "31/05.2024 12:00", "31 Mai 2024 12:00", "31 Feb 2024 12:00"),
        *(
            "9999-12-31 23:59:00-14:00",
            "9999-12-31 23:59-14:00",
            "0001-01-01 00:00:00+14:00",
            "0000-01-01 00:00+01:00",
        ),
        "x" * 100_000,
    ],
)
def test_what_is_no_time(text):
    assert parsed(text, "day_first") is None


def test_a_date_that_is_the_same_in_both_orders_is_sure():
    assert parsed("05/05/2024 10:00") == "2024-05-05 10:00:00"
    assert parsed("04/05/2024 10:00") is None


def read(*times, date_order=None, default_order=None):
    """Days of the records of a CSV, as month and day; None for a record without a time. And the file's detail."""
    lines = "\n".join(["ts,ms_played,track_name", *(f"{time},200000,Song" for time in times)])
    records = read_history(io.BytesIO(lines.encode()), "x.csv", 1000, date_order, default_order)
    found = [time for table in records.tables for time in table["reported_at"].to_pylist()]
    return [time and f"{time:%m-%d}" for time in found], records.detail


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["1/2/2024 10:00", "13/2/2024 10:00"], ["02-01", "02-13"]),
        (["1/2/2024 10:00", "2/13/2024 10:00"], ["01-02", "02-13"]),
        (["01-02-2024 10:00", "2/13/2024 10:00:59 AM"], ["01-02", "02-13"]),
        (["2024-03-04T10:00:00Z", "1/2/2024 10:00", "garbage", "2/13/2024 10:00"], ["03-04", "01-02", None, "02-13"]),
        (["1/2/2024 10:00", "32/13/2024 10:00", "30/2/2024 10:00", "13/2/2024 10:00"], ["02-01", None, None, "02-13"]),
        (["2/2/2024 10:00", "1.2.2024 10:00"], ["02-02", "02-01"]),
    ],
)
def test_a_file_shows_the_order_of_day_and_month(times, expected):
    assert read(*times) == (expected, None)
    opposite = "month_first" if "13/2/2024 10:00" in times else "day_first"
    assert read(*times, default_order=opposite) == (expected, None)


def test_the_order_shows_in_any_block_of_a_file(monkeypatch):
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", 64)
    iso = ["2024-03-04T10:00:00Z"] * 20
    days, detail = read(*iso, *["1/2/2024 10:00"] * 20, "2/13/2024 10:00")
    assert (days, detail) == (["03-04"] * 20 + ["01-02"] * 20 + ["02-13"], None)


def test_an_order_that_does_not_show_is_ambiguous_until_somebody_says_it():
    times = ["1/2/2024 10:00", "2024-03-04 10:00", "3/4/2024 10:00"]
    days, detail = read(*times)
    assert days == [None, "03-04", None]
    assert detail.startswith("ambiguous dates: 1/2/2024 is 1 February or 2 January; 2 records are rejected until a")
    assert read(*times, date_order="month_first") == (["01-02", "03-04", "03-04"], None)
    assert read(*times, default_order="day_first") == (
        ["02-01", "03-04", "04-03"],
        "its dates are read day_first, as SPOTIFY_ASSETS_DATE_ORDER says",
    )


def test_a_file_that_mixes_both_orders_is_ambiguous():
    times = ["13/2/2024 10:00", "1/2/2024 10:00", "2/14/2024 10:00"]
    days, detail = read(*times)
    assert days == [None, None, None]
    assert "13/2/2024 has the day first, 2/14/2024 the month; 3 records" in detail
    assert read(*times, date_order="day_first")[0] == ["02-13", "02-01", None]


def test_offsets_and_seconds_since_1970_are_as_precise_as_they_are():
    texts = ["2024-05-31 12:00+02:00", "2024-05-31 12:00:00+02:00", "1717156800", "31.05.2024 12:00", "none", None]
    parsed = parse_times(pa.chunked_array([texts], pa.string()), None, DateEvidence())
    assert parsed["has_seconds"].to_pylist()[:4] == [False, True, True, False]
    assert parsed["reported_at"].to_pylist()[4:] == [None, None]


def test_other_spellings_join_those_of_exports_in_order():
    lines = b"ts,ms_played,track_name\n2024-05-31T12:00:00Z,1,a\n,1,b\n2024-05-31 14:00:00+02:00,1,c\n"
    [table] = read_history(io.BytesIO(lines), "x.csv", 1000).tables
    assert table["reported_at"].to_pylist() == [utc(NOON), None, utc(NOON)]
