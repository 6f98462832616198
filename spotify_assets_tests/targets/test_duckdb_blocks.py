"""Files that DuckDB made shorter itself, and files that were cut off."""

import duckdb
import pytest

from spotify_assets.targets import duckdb_blocks
from spotify_assets.targets.duckdb_blocks import free_blocks, is_cut_off

BLOCK = 262_144


@pytest.fixture
def file(tmp_path):
    """A file that ends before its header says: a table of 30 blocks was dropped, and DuckDB cut off free blocks."""
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT random() AS a FROM range(200_000)")
        connection.execute("CREATE TABLE dropped AS SELECT random() AS a FROM range(1_000_000)")
    for statement in ("DROP TABLE dropped", *["INSERT INTO kept SELECT random() FROM range(100)"] * 3):
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)
    return path


def sizes(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("SELECT total_blocks, free_blocks FROM pragma_database_size()").fetchall()[0]


def cut_off(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return is_cut_off(path, connection)


def test_free_blocks_are_those_that_duckdb_counts(file):
    total, free = sizes(file)
    with file.open("rb") as content:
        listed = free_blocks(content, BLOCK)
    assert len(listed) == free > 0
    assert listed < set(range(total))


def test_a_file_without_its_last_free_blocks_is_whole(file):
    total, _ = sizes(file)
    assert file.stat().st_size < duckdb_blocks.BLOCKS_START + total * BLOCK
    assert not cut_off(file)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_file_without_a_block_in_use_is_cut_off(file, is_known, monkeypatch):
    if not is_known:
        monkeypatch.setattr(duckdb_blocks, "free_blocks", lambda *_: frozenset())
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size - BLOCK)
    # Without the list, blocks that are missing are taken for free ones.
    assert cut_off(file) == is_known
