"""Spellings of values in catalogue files."""

from datetime import date

import pytest
from pyspark.sql import functions as F

from spotify_assets.transforms.catalog_values import (
    KEYS,
    MODES,
    artist_list,
    flag,
    genre_list,
    named_or_number,
    number,
    release_date,
    release_precision,
    release_text,
    share,
    told,
    whole_number,
)


@pytest.fixture
def parse(spark):
    """What a function of a column gives for each of these texts."""

    def parse(expression, *texts):
        rows = [(place, text) for place, text in enumerate(texts)]
        frame = spark.createDataFrame(rows, "place int, text string")
        return [row[0] for row in frame.orderBy("place").select(expression(F.col("text"))).collect()]

    return parse


def test_numbers(parse):
    texts = ("12", "12.0", "1.77E-05", "-5.444", "2,445", "1,234,567.5", "12,5", "abc", "", ".", "1e", None)
    assert parse(number, *texts) == [12, 12, 1.77e-05, -5.444, 2445, 1234567.5, None, None, None, None, None, None]
    assert parse(whole_number, "12", "12.0", "2,445", "12.5", "x") == [12, 12, 2445, None, None]


def test_shares_of_one_and_of_a_hundred(parse):
    assert parse(share, "0.8", "1", "80%", "100%", "80", "-0.1", "x") == [0.8, 1, 0.8, 1, None, None, None]


def test_flags(parse):
    assert parse(flag, "True", "TRUE", "1", "0", "false", "2", "") == [True, True, True, False, False, None, None]


def test_keys_and_modes_by_name_or_number(parse):
    assert parse(lambda text: named_or_number(text, KEYS), "C#", "db", "11", "B", "-1", "H") == [
        1,
        1,
        11,
        11,
        -1,
        None,
    ]
    assert parse(lambda text: named_or_number(text, MODES), "Major", "minor", "0", "dorian") == [1, 0, 0, None]


def test_missing_values(parse):
    assert parse(told, "nan", "NaN", " ", "None", "Nancy", None) == [None, None, None, None, "Nancy", None]


@pytest.mark.parametrize(
    ("text", "day", "precision"),
    [
        ("1999", date(1999, 1, 1), "year"),
        ("1999-05", date(1999, 5, 1), "month"),
        ("1999-5-7", date(1999, 5, 7), "day"),
        ("1999-05-07 00:00:00 UTC", date(1999, 5, 7), "day"),
        ("1999-05-07T00:00:00Z", date(1999, 5, 7), "day"),
        ("1999-02-31", None, None),
        ("1999-13", None, None),
        ("now", None, None),
    ],
)
def test_releases(parse, text, day, precision):
    assert parse(lambda value: F.array(release_date(value).cast("string"), release_precision(value)), text) == [
        [f"{day}" if day else None, precision]
    ]


def test_a_release_in_parts_and_years_of_zero(spark):
    rows = [
        ("1999-05-07", "2001", None, None, "1999-05-07"),
        (None, "2023", "7", "14", "2023-07-14"),
        (None, "2000", None, None, "2000"),
        (None, "0", None, None, None),
        ("0000", "0", None, None, None),
        (None, None, "7", None, None),
    ]
    frame = spark.createDataFrame(rows, "date string, year string, month string, day string, expected string")
    found = frame.select(release_text(*map(F.col, ("date", "year", "month", "day"))), "expected").collect()
    assert [row[0] for row in found] == [row[1] for row in found]


def test_lists_as_text(parse):
    texts = ("rock", "rock, Pop", "a;b", "['a', \"b's\", 'c\\'d']", "[]", "set()", "[x]", None)
    assert parse(genre_list, *texts) == [
        ["rock"],
        ["rock", "pop"],
        ["a", "b"],
        ["a", "b's", "c'd"],
        [],
        [],
        ["[x]"],
        None,
    ]


def test_a_comma_is_part_of_an_artists_name_unless_there_are_several(parse):
    texts = ("Tyler, The Creator", "A;B", "['Tyler, The Creator', 'B']")
    whole = [["Tyler, The Creator"], ["A", "B"], ["Tyler, The Creator", "B"]]
    assert parse(lambda text: artist_list(text, F.lit(None).cast("string")), *texts) == whole
    assert parse(lambda text: artist_list(text, F.lit("1")), *texts) == whole
    assert parse(lambda text: artist_list(text, F.lit("2")), "Latto, Jung Kook") == [["Latto", "Jung Kook"]]
