"""Files that DuckDB made shorter itself, and files that were cut off."""

import duckdb
import pytest

from spotify_assets.targets import duckdb_blocks
from spotify_assets.targets.duckdb_blocks import BLOCKS_START, free_blocks, is_cut_off

BLOCK = 262_144


def run(path, statement):
    with duckdb.connect(str(path)) as connection:
        return connection.execute(statement).fetchall()


def sizes(path):
    return run(path, "SELECT total_blocks, free_blocks FROM pragma_database_size()")[0]


def let_duckdb_cut_off(path):
    """Drop a large table, and write a table `mine`, until DuckDB has cut off free blocks that its header counts."""
    run(path, "CREATE TABLE mine AS SELECT range AS a FROM range(5)")
    run(path, "CREATE TABLE dropped AS SELECT random() AS a FROM range(1_000_000)")
    run(path, "DROP TABLE dropped")
    for _ in range(20):
        run(path, "INSERT INTO mine SELECT range FROM range(100)")
        if path.stat().st_size < BLOCKS_START + sizes(path)[0] * BLOCK:
            return
    raise AssertionError("DuckDB cuts off nothing")


@pytest.fixture(params=[True, False])
def file(request, tmp_path, monkeypatch):
    """A file that DuckDB has made shorter. With False, the list of its free blocks can't be read."""
    path = tmp_path / "x.duckdb"
    let_duckdb_cut_off(path)
    if not request.param:
        monkeypatch.setattr(duckdb_blocks, "free_blocks", lambda *_: frozenset())
    return path


def cut_off(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return is_cut_off(path, connection)


@pytest.mark.parametrize("file", [True], indirect=True)
def test_free_blocks_are_those_that_duckdb_counts(file):
    total, free = sizes(file)
    with file.open("rb") as content:
        listed = free_blocks(content, BLOCK)
    assert len(listed) == free > 0
    assert listed < set(range(total))


def test_a_file_without_its_last_free_blocks_is_whole(file):
    assert not cut_off(file)


def test_a_file_without_blocks_in_use_is_cut_off(file):
    total, free = sizes(file)
    with file.open("r+b") as content:
        content.truncate(BLOCKS_START + (total - free - 1) * BLOCK)
    assert cut_off(file)


@pytest.mark.parametrize("file", [True], indirect=True)
def test_one_block_in_use_that_is_missing_is_found(file):
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size - BLOCK)
    assert cut_off(file)
