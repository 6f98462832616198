"""The command line as a person uses it; as a process of its own, where that makes a difference."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from spotify_assets.cli import commands
from spotify_assets.ingest.history import ingest
from spotify_assets.lake.commits import carry_forward
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import account, extended
from spotify_assets_tests.lake.broken import KINDS

pytestmark = pytest.mark.integration

# Runs commands, and says after each which of these it imported.
IMPORTED = """
import sys
from spotify_assets.cli import commands
from spotify_assets.settings import load_settings, settings
slow = ("dagster", "pyspark", "pandas", "pyarrow", "numpy", "sqlalchemy", "psutil", "requests", "spotipy")
for command in (["query", "SELECT count(*) FROM plays"], ["status"], ["sync"]):
    sys.argv = ["spotify-assets", *command]
    settings.cache_clear()
    assert commands.run(debug=True) == 0
    print("imported:", [name for name in (*slow, "spotify_assets.transforms") if name in sys.modules])
"""


def export(path: Path) -> Path:
    """A zip as Spotify sends it."""
    with zipfile.ZipFile(path, "w") as archive:
        plays = [extended("2024-01-31T13:37:00Z"), extended("2024-02-01T12:00:00Z", ms_played=10)]
        archive.writestr("Spotify Extended Streaming History/Streaming_History_Audio_2024_0.json", json.dumps(plays))
        archive.writestr("Spotify Extended Streaming History/cut.json", "[{")
    return path


def import_killed_while_computing(tmp_path, path: Path) -> str:
    """Import an export for anna in a process that SIGKILL ends once it computes tables; what it printed until then."""
    command = [sys.executable, "-m", "spotify_assets", "import", str(path), "--listener", "anna"]
    victim = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert victim.stdout is not None
    output = ""
    for line in victim.stdout:
        output += line
        if line.startswith("Computing"):
            break
    victim.kill()
    victim.wait()
    return output


def test_an_import_that_is_killed_is_finished_by_a_sync_queried_and_forgotten(run, tmp_path):
    ben = tmp_path / "data/landing/history/ben"
    ben.mkdir(parents=True)
    (ben / "StreamingHistory0.json").write_text(json.dumps([account("2024-02-22 05:41", track="Unique Title")]))
    imported = import_killed_while_computing(tmp_path, export(tmp_path / "my_spotify_data.zip"))
    assert "1 file copied" in imported
    assert "DEBUG" not in imported

    (tmp_path / "data/landing/history/anna/broken.json").write_text("[{")
    synced = run("sync")
    assert "kept" in synced
    assert "broken.json" in synced
    assert "DEBUG" not in synced
    assert f"Published to duckdb: {len(TABLES)} tables." in synced

    (tmp_path / "ReadMe.pdf").write_bytes(b"%PDF")
    useless = run("import", str(tmp_path / "ReadMe.pdf"), "--listener", "anna", expect=1)
    assert "ignored: history/anna/ReadMe.pdf (" in useless
    assert "none of these files holds listening history" in useless
    again = run("import", str(tmp_path / "my_spotify_data.zip"), "--listener", "anna")
    assert f"{tmp_path / 'my_spotify_data.zip'}, as history/anna/my_spotify_data.zip" in again
    assert "cut.json" in again

    assert "Published to duckdb: up to date" in run("status")
    (tmp_path / "data/warehouse.duckdb").unlink()
    assert f"{len(TABLES)} tables are behind" in run("status")
    assert f"Published to duckdb: {len(TABLES)} tables." in run("publish")
    assert "'mysql' is no configured target; there is duckdb" in run("publish", "mysql", expect=2)
    assert f"rows of {len(TABLES)} tables are in carried.duckdb" in run("publish", "--standalone", "carried.duckdb")
    with duckdb.connect(str(tmp_path / "carried.duckdb"), read_only=True) as carried:
        assert carried.execute("SELECT count(*) FROM plays").fetchall() == [(2,)]
    assert not (tmp_path / "carried.duckdb.lock").exists()
    assert "is there already" in run("publish", "duckdb", "--standalone", "carried.duckdb", expect=2)
    plays = run("query", "SELECT listener, plays FROM total_plays ORDER BY listener", "--format", "csv")
    assert plays.split() == ["listener,plays", "anna,1", "ben,1"]

    idle = subprocess.run([sys.executable, "-c", IMPORTED], cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert idle.returncode == 0, idle.stdout + idle.stderr
    assert "Every table is up to date." in idle.stdout
    assert "Everything is up to date." in idle.stdout
    assert idle.stdout.splitlines().count("imported: []") == 3

    status = run("status")
    assert "anna" in status
    assert "unreadable: cut.json" in status
    assert "Every table is up to date." in status

    by_month = "SELECT track_name, month(played_at) AS month FROM plays ORDER BY month"
    rows = csv.DictReader(io.StringIO(run("query", by_month, "--format", "csv")))
    assert list(rows) == [{"track_name": "Song", "month": "1"}, {"track_name": "Unique Title", "month": "2"}]
    as_json = json.loads(run("query", "SELECT count(*) AS n, max(played_at) AS t FROM fct_plays", "--format", "json"))
    assert as_json == [{"n": 2, "t": "2024-02-22 05:41:00+00:00"}]

    assert "'songs' is no table of the lake" in run("repair", "songs", expect=2)
    repaired = run("repair", "dim_time")
    assert "dim_time is emptied, and computed again." in repaired
    assert "Published to duckdb: 1 table." in repaired

    reported = run("recap", "--report")
    assert "2 reports written, 0 are as they were, 0 removed." in reported
    assert "Unique Title" in (tmp_path / "data/lake/_reports/ben/2024.html").read_text()
    assert "say --yes" in run("forget", "--listener", "ben", expect=2)
    KINDS["file_cut"](tmp_path / "data/lake/metrics/track_metrics")
    assert "track_metrics is damaged: its file part-" in run("query", "FROM track_metrics", expect=1)
    assert "; spotify-assets sync makes it again." in run("status")
    (tmp_path / "data/.warehouse.duckdb.0123abcd").write_bytes(b"A copy of a killed run: Unique Title")
    unreachable = {"SPOTIFY_ASSETS_MYSQL_URL": "mysql://user:password@127.0.0.1:1/music"}
    (ben / "a deleted file was here").mkdir()
    half_done = run("forget", "--listener", "ben", "--yes", expect=1, **unreachable)
    assert "track_metrics was damaged: its file part-" in half_done
    assert "ben is not forgotten everywhere yet: mysql: 127.0.0.1:1/music" in half_done
    assert "ben is forgotten" in run("forget", "--listener", "ben", "--yes")
    traces = [
        path
        for path in (tmp_path / "data").rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in (b"history/ben", b"Unique Title"))
    ]
    assert traces == []
    assert not ben.exists()
    assert [path.name for path in (tmp_path / "data/lake/_reports").iterdir()] == ["anna"]

    # Files deleted by hand: after a sync only old versions of tables have the listener's rows.
    shutil.rmtree(tmp_path / "data/landing/history/anna")
    run("sync")
    assert "Nothing of anna is landed, but old versions of tables may" in run("forget", "--listener", "anna", "--yes")
    assert "nothing is landed or known of 'anna'" in run("forget", "--listener", "anna", "--yes", expect=1)
    assert "Everything is up to date." in run("sync")
    (ben / "a deleted file was here").mkdir(parents=True)
    assert "An empty folder of ben is removed" in run("forget", "--listener", "ben", "--yes")
    assert not ben.exists()
    assert "nothing is landed or known" in run("forget", "--listener", "ben", "--yes", expect=1)


@pytest.mark.parametrize(
    ("number", "step", "code", "line"),
    [
        (signal.SIGTERM, None, 143, "Stopped by SIGTERM. Done until then: nothing. Nothing is half-written"),
        # Dagster raises an error of its own in the next step.
        (signal.SIGINT, "raw_plays", 130, "Stopped by Ctrl-C. Done until then: nothing. Nothing is half-written"),
    ],
)
def test_a_signal_stops_a_sync_in_one_line(run, tmp_path, monkeypatch, number, step, code, line):
    @contextmanager
    def interrupting():
        def note(title, tables, done):
            if done == step:
                os.kill(os.getpid(), number)

        yield note

    monkeypatch.setattr(commands, "run_progress", interrupting)
    landed = tmp_path / "data/landing/history/anna/a.json"
    landed.parent.mkdir(parents=True)
    landed.write_text(json.dumps([extended("2024-01-31T13:37:00Z")]))
    output = run("sync", expect=code)
    assert line in output
    assert len(output.splitlines()) == 1
    if step is None:
        assert " UTC: stopped after " in run("status")


def test_wrong_use_and_failures_are_one_clear_message(run, tmp_path, monkeypatch):
    assert "No such command" in run("nope", expect=2)
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all,")
    assert "with --listener NAME; " in run("import", str(letter), expect=2)
    assert "does not exist" in run("import", "missing.zip", "--listener", "anna", expect=2)
    assert "without slashes" in run("import", str(tmp_path), "--listener", "../anna", expect=2)
    (tmp_path / "empty").mkdir()
    assert "no files" in run("import", str(tmp_path / "empty"), "--listener", "anna", expect=1)
    assert "does not exist" in run("query", "SELECT * FROM nothing", expect=1)
    monkeypatch.setenv("SPOTIFY_ASSETS_TIMEZONE", "Mars")
    assert "SPOTIFY_ASSETS_TIMEZONE: 'Mars' is not a time zone" in run("sync", expect=2)


def test_a_query_shows_whole_values_and_reaches_nothing_else(run, tmp_path):
    sql = "SELECT chr(27) || '[2J' AS name, 9223372036854775807 AS track_key, repeat('x', 200) AS a, 'nan'::FLOAT AS n"
    shown = run("query", sql)
    assert all(value in shown for value in (r"\x1b[2J", "9223372036854775807", "x" * 200))
    assert "\x1b" not in shown
    [row] = json.loads(run("query", f"SELECT * FROM ({sql}), (SELECT 1 AS name)", "--format", "json"))
    assert (row["name"], row["name_1"], row["n"]) == ("\x1b[2J", 1, "NaN")
    copy = f"COPY (SELECT 1 AS a) TO '{tmp_path}/written.csv'"
    assert "this is COPY; --allow-external allows more" in run("query", copy, expect=1)
    assert "allows more" in run("query", "FROM read_text('/etc/passwd')", expect=1)
    assert not (tmp_path / "written.csv").exists()
    run("query", copy, "--allow-external")
    assert (tmp_path / "written.csv").exists()


def test_debug_shows_where_it_happened(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets", "--debug", "query", "SELECT * FROM nothing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_check_that_stops_a_sync_says_what_it_found(run, tmp_path):
    landing = tmp_path / "data/landing/history/anna"
    landing.mkdir(parents=True)
    (landing / "a.json").write_text(json.dumps([extended("2024-01-31T13:37:00Z")]))
    within = load_settings(landing_uri=str(tmp_path / "data/landing"), lake_uri=str(tmp_path / "data/lake"))
    lake = Lake(within.lake_uri)
    ingest(LandingZone(within.landing_uri), lake, within)
    # What another program writes is read again; this is as if a commit of our own had listed a file twice.
    files = lake.read("raw_files")
    twice = files.set_column(files.schema.get_field_index("records"), "records", pa.array([0]))
    lake.write("raw_files", twice, mode="append", commit_properties=carry_forward(lake.open("raw_files")))
    (landing / "b.json").write_text(json.dumps([extended("2024-02-28T13:37:00Z")]))
    assert "raw_files: primary_key: source_file: 1 rows" in run("sync", expect=1)


def test_help_names_every_command(run):
    text = run("--help")
    for command in ("import", "sync", "publish", "query", "status", "forget", "demo", "ui"):
        assert command in text
