"""Joins of a small with a large side: their rows, and which side an engine keeps in memory."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spotify_assets.transforms.joins import broadcast_join, look_up


@pytest.fixture
def read(spark, tmp_path):
    """A table as a DataFrame on a Parquet file, whose rows are counted there, as those of the lake's tables are."""

    def write(name, columns):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        return spark.read.parquet(str(tmp_path / f"{name}.parquet"))

    return write


def test_rows_that_are_not_found_are_left_out(read):
    files = read("files", {"file": ["a", "b"], "rank": [None, 2]})
    rows = read("rows", {"file": ["a", "b", "c", None], "number": [1, 2, 3, 4]})
    found = look_up(files, rows, "file")
    assert found.columns == ["file", "rank", "number"]
    assert sorted(map(tuple, found.collect()), key=lambda row: row[2]) == [("a", None, 1), ("b", 2, 2)]


def test_what_was_looked_up_is_the_large_side_of_the_next_join(read, capsys):
    files = read("files", {"file": ["a", "b"]})
    rows = read("rows", {"file": ["a", "b"] * 5_000, "number": range(10_000)})
    marks = read("marks", {"number": range(100), "mark": [True] * 100})

    def kept_in_memory(large):
        """The Parquet files that are read for the side which is kept: the first below the topmost join."""
        broadcast_join(marks, large, "number", "right").explain()
        _, *joined = re.split("HashJoinExec", capsys.readouterr().out, maxsplit=1)
        return re.findall(r"(\w+)\.parquet", joined[0])[0]

    assert kept_in_memory(look_up(files, rows, "file")) == "marks"
    # If Sail expects as many rows of an inner join as there are, `look_up` isn't needed any more.
    assert kept_in_memory(broadcast_join(files, rows, "file", "inner")) != "marks"
