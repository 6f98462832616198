"""A connection to tables of the lake: what it reads, and that it does nothing else."""

import subprocess
import sys
from datetime import date

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.lake_reader import FILE_SETTINGS, connect_lake


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


def months(lake, **columns):
    """Write daily plays of two months; further columns are as another program would add them."""
    rows = [dict.fromkeys(TABLES["plays"].columns) | {"month": date(2024, month, 1)} for month in (1, 2)]
    table = pa.Table.from_pylist(rows, TABLES["plays"].arrow_schema)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    write_deltalake(
        lake.table_uri("plays"),
        table,
        mode="append",
        partition_by=["month"],
        schema_mode="merge" if columns else None,
    )


def test_months_are_read_from_the_paths_of_files(lake):
    months(lake)
    connection = connect_lake(lake, ["plays"])
    assert connection.sql("SELECT month FROM plays ORDER BY 1").fetchall() == [
        (date(2024, 1, 1),),
        (date(2024, 2, 1),),
    ]
    assert connection.sql("SELECT count(*) FROM plays WHERE month > '2024-01-01'").fetchall() == [(1,)]
    assert connection.sql("FROM plays").columns == TABLES["plays"].columns


def test_a_column_that_another_program_added_is_null_in_files_before_it(lake):
    months(lake)
    months(lake, mood=["calm", "wild"])
    rows = connect_lake(lake, ["plays"]).sql("SELECT mood FROM plays ORDER BY 1").fetchall()
    assert rows == [("calm",), ("wild",), (None,), (None,)]


def test_rows_that_only_a_deletion_vector_deletes_are_not_read(lake):
    lake.open("genre_trends").alter.set_table_properties({"delta.enableDeletionVectors": "true"})
    with pytest.raises(DamagedTableError, match=r"genre_trends is damaged: .*deletionVectors"):
        connect_lake(lake, ["genre_trends"])
    lake.reset("genre_trends")
    assert connect_lake(lake, ["genre_trends"]).sql("FROM genre_trends").fetchall() == []


def test_a_connection_of_its_own_keeps_views_to_itself_and_nothing_of_what_it_read(lake):
    database = duckdb.connect(config=FILE_SETTINGS)
    connection = connect_lake(lake, ["genre_trends"], allow_external=True, connection=database.cursor())
    assert len(connection.sql("FROM genre_trends").fetchall()) == 1
    other = database.cursor()
    assert other.sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall() == [(0,)]
    with pytest.raises(duckdb.CatalogException):
        other.sql("FROM genre_trends")


def test_no_library_that_is_slow_to_import_is_needed(lake):
    script = (
        "import sys; from spotify_assets.cli.sql import run_query; from spotify_assets.lake.tables import Lake\n"
        "print(run_query(Lake(sys.argv[1]), \"SELECT listener FROM genre_trends WHERE listener <> 'it''s'\").rows)\n"
        "slow = ('pandas', 'pyarrow', 'dagster', 'pyspark', 'sqlalchemy', 'sqlglot')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script, lake.uri], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["[('anna',)]", "[]"]


@pytest.mark.parametrize("from_copies", [True, False])
def test_a_table_in_a_bucket_is_read_from_its_copy_or_where_it_is(bucket, from_copies):
    lake = Lake(bucket)
    lake.ensure("dim_reason")
    row = dict.fromkeys(TABLES["dim_reason"].columns) | {"reason_key": "one"}
    lake.write("dim_reason", pa.Table.from_pylist([row], TABLES["dim_reason"].arrow_schema), mode="append")
    connection = connect_lake(lake, ["dim_reason"], from_copies=from_copies)
    assert connection.execute("SELECT reason_key FROM dim_reason").fetchall() == [("one",)]
    views = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'dim_reason'").fetchall()
    assert ("read_parquet" in str(views)) is from_copies
