"""A connection to tables of the lake: what it reads, and that it does nothing else."""

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.lake_reader import connect_lake


@pytest.fixture
def lake(tmp_path):
    """A lake that has one genre family."""
    found = Lake(str(tmp_path / "lake"))
    row = dict.fromkeys(TABLES["genre_trends"].columns) | {"listener": "anna", "genre_family": "rock"}
    rows = pa.Table.from_pylist([row], TABLES["genre_trends"].arrow_schema)
    write_deltalake(found.table_uri("genre_trends"), rows)
    return found


def test_tables_are_read_and_those_not_written_yet_are_empty(lake):
    connection = connect_lake(lake, ["genre_trends", "plays"])
    assert connection.sql("SELECT listener, genre_family FROM genre_trends").fetchall() == [("anna", "rock")]
    assert connection.sql("FROM plays").fetchall() == []
    with pytest.raises(duckdb.CatalogException):
        connection.sql("FROM fct_plays")


def test_tables_can_be_taken_for_empty(lake):
    assert connect_lake(lake, ["genre_trends"], empty=["genre_trends"]).sql("FROM genre_trends").fetchall() == []


def test_nothing_else_is_reached_unless_it_is_allowed(lake, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    query = f"FROM read_csv('{file}')"
    with pytest.raises(duckdb.PermissionException):
        connect_lake(lake, []).sql(query)
    assert connect_lake(lake, [], allow_external=True).sql(query).fetchall() == [(1,)]


def test_no_variable_of_a_caller_is_a_table(lake):
    rows = pa.table({"a": [1]})
    assert rows.num_rows == 1
    with pytest.raises(duckdb.CatalogException):
        connect_lake(lake, []).sql("FROM rows")
