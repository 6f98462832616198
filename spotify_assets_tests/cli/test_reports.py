import sys

import duckdb
import pyarrow as pa
import pytest

from spotify_assets.cli import reports
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets.questions import questions

EVERYTHING = {*TABLES, *questions()}


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
    assert reports.tables_named(duckdb.connect(), sql) == set(names.split())


@pytest.mark.parametrize("sql", ["PIVOT plays ON platform USING count(*)", "EXPLAIN FROM plays"])
def test_of_what_cannot_be_told_every_table_is_named(sql):
    assert reports.tables_named(duckdb.connect(), sql) == EVERYTHING


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A lake of one date, which notes the tables that are opened."""
    lake = Lake(str(tmp_path / "lake"))
    row = dict.fromkeys(TABLES["dim_time"].columns) | {"hour": 7}
    lake.replace("dim_time", lambda: iter([pa.RecordBatch.from_pylist([row], TABLES["dim_time"].arrow_schema)]))
    opened: list[str] = []
    monkeypatch.setattr(Lake, "open", lambda self, table, opens=Lake.open: opened.append(table) or opens(self, table))
    return lake, opened


def test_only_tables_that_are_named_are_opened(lake):
    lake, opened = lake
    assert reports.query(lake, "SELECT hour FROM DIM_TIME").to_pylist() == [{"hour": 7}]
    assert opened == ["dim_time"]


def test_a_question_opens_the_tables_of_its_view(lake):
    lake, opened = lake
    assert reports.query(lake, "FROM when_i_listen").to_pylist() == []
    assert set(opened) == {"dim_time", "listening_clock"}


def test_all_tables_are_shown_without_opening_one(lake):
    lake, opened = lake
    assert reports.query(lake, "SHOW TABLES")["name"].to_pylist() == sorted(TABLES)
    columns = reports.query(lake, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'plays'")
    assert columns["column_name"].to_pylist() == list(TABLES["plays"].columns)
    assert reports.query(lake, "FROM information_schema.tables").num_rows == len(TABLES)
    assert opened == []


def test_a_wrong_query_is_duckdbs_error(lake):
    with pytest.raises(duckdb.ParserException, match="SELEC"):
        reports.query(lake[0], "SELEC 1")


@pytest.mark.parametrize(
    ("current_folder", "path", "called"),
    [
        ("", "", ".venv/bin/spotify-assets"),
        ("", ".venv/bin", "spotify-assets"),
        ("elsewhere", "", "{root}/.venv/bin/spotify-assets"),
    ],
)
def test_hints_name_the_program_as_it_is_called_there(tmp_path, monkeypatch, current_folder, path, called):
    program = tmp_path / ".venv/bin/spotify-assets"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path / path) if path else "")
    monkeypatch.chdir(tmp_path / current_folder)
    assert reports._program() == called.format(root=tmp_path)
