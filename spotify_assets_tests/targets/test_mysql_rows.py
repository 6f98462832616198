"""CSV files for LOAD DATA; test_mysql.py loads them into a server."""

import pyarrow as pa
import pymysql
import pytest
import sqlalchemy as sa

from spotify_assets.targets.mysql_rows import NO_LOCAL_INFILE, error_code, write_csv
from spotify_assets_tests.conftest import utc


@pytest.mark.parametrize(
    ("values", "type_", "lines"),
    [
        (["plain", "", None, "NULL"], pa.string(), ['"plain"', '""', "NULL", '"NULL"']),
        (
            ['say "hi"', "it's", "back\\slash", "comma,"],
            pa.string(),
            ['"say ""hi"""', '"it\'s"', '"back\\slash"', '"comma,"'],
        ),
        ([True, False, None], pa.bool_(), ['"1"', '"0"', "NULL"]),
        ([['a "b"', "ü", None], [], None], pa.list_(pa.string()), ['"[""a \\""b\\"""",""ü"",null]"', '"[]"', "NULL"]),
        ([-1, 2**62, None], pa.int64(), ['"-1"', f'"{2**62}"', "NULL"]),
        (
            [utc("2024-03-31 01:30:00.250000"), None],
            pa.timestamp("us", "UTC"),
            ['"2024-03-31 01:30:00.25"', "NULL"],
        ),
    ],
)
def test_all_is_in_quotes_but_null(tmp_path, monkeypatch, values, type_, lines):
    monkeypatch.setenv("TZ", "America/Lima")
    batch = pa.table({"value": pa.array(values, type_)})
    assert write_csv(batch, tmp_path / "rows.csv").read_text().splitlines() == lines


def test_columns_are_in_the_batchs_order(tmp_path):
    batch = pa.table({"select": [1], "group": ["x"]})
    assert write_csv(batch, tmp_path / "rows.csv").read_text() == '"1","x"\n'


def test_a_line_break_stays_within_its_quotes(tmp_path):
    assert write_csv(pa.table({"a": ["line\nbreak"]}), tmp_path / "rows.csv").read_text() == '"line\nbreak"\n'


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            sa.exc.OperationalError("LOAD", {}, pymysql.err.OperationalError(3948, "loading local data is disabled")),
            3948,
        ),
        (pymysql.err.OperationalError(1148, "not allowed"), 1148),
        (ValueError("text"), 0),
        (ValueError(), 0),
    ],
)
def test_the_servers_number_of_an_error(error, code):
    assert error_code(error) == code
    assert (code in NO_LOCAL_INFILE) == (code != 0)
