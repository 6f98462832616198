"""Queries over the lake: what they read, and that they do nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from spotify_assets.cli.sql import QueryRefusedError, require_reading, run_query, tables_named
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.questions import questions
from spotify_assets_tests.lake.broken import KINDS

EVERYTHING = {*TABLES, *questions()}


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT count(*) FROM plays", "plays"),
        ('FROM Plays JOIN "Dim_Track" USING (track_key)', "plays dim_track"),
        ("SELECT p.ms_played FROM memory.main.plays AS p, fct_plays AS dim_date", "plays fct_plays"),
        ("WITH kept AS (SELECT * FROM plays) SELECT * FROM kept", "plays"),
        (
            "SELECT (SELECT max(date) FROM dim_date) FROM plays WHERE EXISTS (FROM raw_files)",
            "dim_date plays raw_files",
        ),
        ("SELECT plays, month AS fct_plays FROM daily_listening -- and not dim_date", "daily_listening"),
        ("FROM plays; FROM fct_plays", "plays fct_plays"),
        ("DESCRIBE plays", "plays"),
        ("SUMMARIZE plays", "plays"),
        ("FROM query_table('plays')", "plays"),
        ("FROM pragma_table_info('plays')", "plays"),
        ("SHOW TABLES", ""),
        ("SELEC 1", ""),
    ],
)
def test_a_query_names_tables(sql, names):
    assert tables_named(duckdb.connect(), sql) == set(names.split())


@pytest.mark.parametrize("sql", ["PIVOT plays ON platform USING count(*)", "EXPLAIN FROM plays"])
def test_of_what_cannot_be_told_every_table_is_named(sql):
    assert tables_named(duckdb.connect(), sql) == EVERYTHING


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """A lake of one date, which notes the tables that are opened."""
    lake = Lake(str(tmp_path / "lake"))
    row = dict.fromkeys(TABLES["dim_time"].columns) | {"hour": 7}
    lake.replace("dim_time", lambda: iter([pa.RecordBatch.from_pylist([row], TABLES["dim_time"].arrow_schema)]))
    opened: list[str] = []
    monkeypatch.setattr(Lake, "open", lambda self, table, opens=Lake.open: opened.append(table) or opens(self, table))
    return lake, opened


def test_only_tables_that_are_named_are_opened(noted):
    lake, opened = noted
    assert run_query(lake, "SELECT hour FROM DIM_TIME").dicts == [{"hour": 7}]
    assert opened == ["dim_time"]


def test_a_question_opens_the_tables_of_its_view(noted):
    lake, opened = noted
    assert run_query(lake, "FROM when_i_listen").dicts == []
    assert set(opened) == {"dim_time", "listening_clock"}


def test_all_tables_are_shown_without_opening_one(noted):
    lake, opened = noted
    assert run_query(lake, "SHOW TABLES").rows == [(name,) for name in sorted(TABLES)]
    columns = run_query(lake, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'plays'")
    assert columns.rows == [(name,) for name in TABLES["plays"].columns]
    assert len(run_query(lake, "FROM information_schema.tables").rows) == len(TABLES)
    assert opened == []


def test_a_wrong_query_is_duckdbs_error(noted):
    with pytest.raises(duckdb.ParserException, match="SELEC"):
        run_query(noted[0], "SELEC 1")


def test_times_of_a_query_are_utc(lake):
    [row] = run_query(lake, "SELECT TIMESTAMPTZ '2024-01-31 13:37:00+00' AS at").dicts
    assert row["at"] == datetime(2024, 1, 31, 13, 37, tzinfo=UTC)
    assert run_query(lake, "SELECT strftime(TIMESTAMPTZ '2024-01-31 23:37:00+00', '%H') AS hour").dicts == [
        {"hour": "23"}
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "-- a comment\nSELECT 1;",
        "FROM plays",
        "WITH a AS (FROM plays) FROM a",
        "VALUES (1), (2)",
        "(SELECT 1) UNION SELECT 2",
        "DESCRIBE plays",
        "DESCRIBE SELECT 1",
        "SHOW TABLES",
        "SUMMARIZE plays",
        "PRAGMA table_info('plays')",
        "PIVOT plays ON platform USING count(*)",
        "PIVOT plays ON platform IN ('ios') USING count(*)",
        "FROM (PIVOT plays ON platform USING count(*))",
        "UNPIVOT dim_time ON hour",
        "EXPLAIN FROM plays",
        "explain analyze select 1",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
        "-- a comment\nEXPLAIN /* and another */ SELECT 1",
    ],
)
def test_what_reads_runs(lake, sql):
    run_query(lake, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW plays",
        "DROP VIEW plays",
        "COPY plays TO 'plays.csv'",
        "COPY (FROM plays) TO 'plays.csv'",
        "COPY (PIVOT plays ON platform USING count(*)) TO 'plays.csv'",
        "EXPLAIN ANALYZE COPY plays TO 'plays.csv'",
        "EXPLAIN (ANALYZE) COPY plays TO 'plays.csv'",
        "EXPLAIN /* SELECT 1 */ ANALYZE COPY plays TO 'plays.csv'",
        "EXPLAIN ANALYZE SELECT 1; COPY plays TO 'plays.csv'",
        "CREATE TABLE a AS FROM plays",
        "CREATE TABLE a AS PIVOT plays ON platform USING count(*)",
        "CREATE TYPE a AS ENUM ('b'); SELECT 1",
        "INSERT INTO plays VALUES (1)",
        "DELETE FROM plays",
        "ATTACH 'other.duckdb'",
        "EXPORT DATABASE 'exported'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "CHECKPOINT",
    ],
)
def test_what_does_more_than_reading_is_refused(sql):
    with pytest.raises(QueryRefusedError, match="a query is one SELECT"):
        require_reading(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_text('/etc/passwd')",
        "FROM read_blob('/etc/passwd')",
        "FROM read_csv('/etc/passwd')",
        "FROM read_json('/etc/passwd')",
        "FROM read_parquet('x.parquet')",
        "FROM parquet_metadata('x.parquet')",
        "FROM sniff_csv('/etc/passwd')",
        "FROM glob('/etc/*')",
        "FROM query('FROM read_text(''/etc/passwd'')')",
        "FROM query_table('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM 'https://example.org/a.csv'",
        "EXPLAIN ANALYZE FROM read_text('/etc/passwd')",
        "SELECT getenv('HOME')",
        "FROM lake",
        "FROM connection",
    ],
)
def test_no_function_reaches_a_file_or_a_variable(lake, sql):
    with pytest.raises((QueryRefusedError, duckdb.CatalogException)) as raised:
        run_query(lake, sql)
    assert "root:" not in str(raised.value)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO 'written.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'written.csv'",
        "ATTACH 'written.duckdb'; CREATE TABLE written.a AS SELECT 1",
        "SET enable_external_access = true",
    ],
)
def test_the_sandbox_holds_also_where_statements_are_not_looked_at(lake, tmp_path, monkeypatch, sql):
    monkeypatch.setattr("spotify_assets.cli.sql.require_reading", lambda sql: None)
    with pytest.raises((QueryRefusedError, duckdb.Error)):
        run_query(lake, sql)
    assert list(tmp_path.glob("written*")) == []


def test_who_means_it_may_read_and_write_files(lake, tmp_path):
    run_query(lake, "COPY (SELECT 7 AS hour) TO 'written.csv'", allow_external=True)
    assert run_query(lake, "FROM 'written.csv'", allow_external=True).dicts == [{"hour": 7}]


@pytest.mark.parametrize("kind", ["file_gone", "file_cut", "entry_cut"])
def test_a_query_of_a_damaged_table_names_it(synced, kind):
    KINDS[kind](Path(synced.lake.table_uri("plays")))
    with pytest.raises(DamagedTableError, match=r"^plays is damaged: .*; spotify-assets sync makes it again$"):
        run_query(synced.lake, "SELECT min(played_at), count(DISTINCT play_id) FROM plays")


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-50])])
def test_a_file_that_is_damaged_after_the_first_is_named_too(synced, damage):
    """Of the files, DuckDB opens the first before the query, and the others with it."""
    files = synced.lake.open("plays").file_uris()
    assert len(files) == 2
    damage(Path(files[-1]))
    with pytest.raises(DamagedTableError, match=r"^plays is damaged: "):
        run_query(synced.lake, "SELECT min(played_at), count(DISTINCT play_id) FROM plays")
