"""The DuckDB file: its content, and what readers see during a refresh."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import DeltaProtocolError

from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.retry import Backoff
from spotify_assets.targets import duckdb_file, publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.publishing import TargetError
from spotify_assets_tests.conftest import LANDED_AT, extended, some_metrics
from spotify_assets_tests.targets.published import LISTS, catalog_tracks, count, publish, spans
from spotify_assets_tests.targets.test_duckdb_blocks import let_duckdb_cut_off

pytestmark = [pytest.mark.integration, some_metrics]

APRIL = [extended("2024-04-30T23:59:59Z"), extended("2024-04-01T00:00:00Z")]


@pytest.fixture
def history(prepared):
    return prepared(
        {
            "anna/2024-01.json": [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T14:00:00Z", track="Other")],
            "anna/2024-02.json": [extended("2024-02-01T12:00:00Z", track="Other")],
        }
    )


@pytest.fixture
def warehouse(history):
    return Warehouse(path=history.settings.warehouse)


def test_every_row_of_every_table(history, warehouse):
    catalog_tracks(history, *LISTS)
    publish(history, warehouse)
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in publishing.tables_of_layers(*LAYERS):
            there = connection.execute(f"SELECT * FROM {table}").to_arrow_table()
            here = history.lake.read(table).select(there.column_names)
            assert sorted(map(str, there.cast(here.schema).to_pylist())) == sorted(map(str, here.to_pylist())), table
            assert count(warehouse, table).rows == here.num_rows == history.lake.count(table)
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def change_by_hand(warehouse, count_too=False):
    """Change a row of `raw_plays` in the file, so that one sees whether it is written again."""
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("UPDATE raw_plays SET platform = 'by hand' WHERE source_file LIKE '%2024-02.json'")
        if count_too:
            connection.execute("DELETE FROM raw_plays WHERE source_file LIKE '%2024-01.json' AND source_row = 0")


def raw_rows(warehouse):
    """File, row and platform of each row of `raw_plays` in the file."""
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        rows = connection.execute("SELECT source_file, source_row, platform FROM raw_plays").fetchall()
    return sorted((file.rpartition("/")[2], row, platform) for file, row, platform in rows)


JANUARY = [("2024-01.json", 0, "android"), ("2024-01.json", 1, "android")]
NEW = [("2024-04.json", 0, "android"), ("2024-04.json", 1, "android")]


def test_of_a_raw_table_only_rows_of_new_files_are_added(history, warehouse):
    publish(history, warehouse)
    change_by_hand(warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.ingest()
    publish(history, warehouse)
    assert raw_rows(warehouse) == [*JANUARY, ("2024-02.json", 0, "by hand"), *NEW]
    assert publishing.pending_refreshes(warehouse, history.lake, ["raw_plays"]) == []


@pytest.mark.parametrize("tables", [None, ["raw_plays"]])
def test_all_rows_of_a_raw_table_are_written_where_that_is_asked_for(history, warehouse, tables):
    publish(history, warehouse)
    change_by_hand(warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.ingest()
    publish(history, warehouse, tables, full=True)
    assert raw_rows(warehouse) == [*JANUARY, ("2024-02.json", 0, "android"), *NEW]


@pytest.mark.parametrize("change", ["a deleted file", "a changed file", "compaction", "rows by hand", "emptied log"])
def test_a_raw_table_is_replaced_where_more_changed_than_new_files(history, warehouse, change):
    publish(history, warehouse)
    change_by_hand(warehouse, count_too=change == "rows by hand")
    history.land("anna/2024-04.json", APRIL)
    january = JANUARY
    if change == "a deleted file":
        (history.root / "landing/history/anna/2024-01.json").unlink()
        january = []
    elif change == "a changed file":
        history.land("anna/2024-01.json", [extended("2024-01-31T13:37:00Z")], LANDED_AT + timedelta(days=1))
        january = JANUARY[:1]
    elif change == "emptied log":
        shutil.rmtree(history.root / "lake/raw/raw_plays/_delta_log")
        history.refresh("raw_plays")
    history.ingest()
    if change == "compaction":
        history.lake.open("raw_plays").optimize.compact()
    publish(history, warehouse)
    assert raw_rows(warehouse) == [*january, ("2024-02.json", 0, "android"), *NEW]


def test_files_are_not_added_to_what_another_run_has_published_meanwhile(history, warehouse):
    publish(history, warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.ingest()
    [pending] = publishing.pending_refreshes(warehouse, history.lake, ["raw_plays"])
    publish(history, warehouse)
    assert [done.rows for done in warehouse.publish(history.lake, [pending])] == [5]
    assert len(raw_rows(warehouse)) == 5


def test_a_version_of_another_commit_is_not_the_one_that_was_published(history, warehouse):
    """As where a log lost its last entry, and went on."""
    publish(history, warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.ingest()
    [pending] = publishing.pending_refreshes(warehouse, history.lake, ["raw_plays"])
    published = warehouse.published_states()["raw_plays"]
    identity, number, _ = published.windows["whole"].split(":")
    other = replace(published, windows={"whole": f"{identity}:{number}:00000000"})
    assert publishing.added_files(history.lake, pending, published) is not None
    assert publishing.added_files(history.lake, pending, other) is None


def test_rows_of_files_that_were_added_are_read_by_arrow_too(history, warehouse):
    """As in S3, which DuckDB doesn't read by itself."""
    publish(history, warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.ingest()
    [pending] = publishing.pending_refreshes(warehouse, history.lake, ["raw_plays"])
    added = publishing.added_files(history.lake, pending, warehouse.published_states()["raw_plays"])
    assert len(added) == 1
    rows = pending.rows(history.lake, files=added)
    found = rows.to_table(columns=["source_file", "source_row"]).to_pylist()
    assert [(row["source_file"].rpartition("/")[2], row["source_row"]) for row in found] == [
        ("2024-04.json", 0),
        ("2024-04.json", 1),
    ]


def test_readers_can_not_write(tmp_path):
    file = str(tmp_path / "warehouse.duckdb")
    duckdb.connect(file).close()
    with (
        Warehouse(file).connect_read_only() as connection,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        connection.execute("CREATE TABLE one (number INTEGER)")


def test_rows_that_only_a_deletion_vector_deletes_are_not_read_from_files(tmp_path):
    lake = Lake(str(tmp_path))
    write_deltalake(lake.table_uri("dim_time"), pa.table({"hour": [1]}))
    lake.open("dim_time").alter.set_table_properties({"delta.enableDeletionVectors": "true"})
    refresh = publishing.Refresh("dim_time", 1, publishing.PublishedState("", {}))
    with duckdb.connect() as connection, pytest.raises(DeltaProtocolError, match="deletionVectors"):
        duckdb_file._refresh_rows_sql(connection, lake, refresh)


@pytest.mark.parametrize("name", ["it's a lake", "100%", "données[1]*", "listener=eve", "month=2001-01-01"])
def test_a_lake_wherever_it_is(history, warehouse, name):
    """Whatever the folder's name could mean to a reader of many files."""
    lake = Lake(str(history.root / name))
    shutil.copytree(history.lake.uri, lake.uri)
    list(warehouse.publish(lake, publishing.pending_refreshes(warehouse, lake, ["dim_track", "fct_plays", "plays"])))
    assert ask(warehouse.path, "SELECT count(*) FROM fct_plays JOIN dim_track USING (track_key)") == [(3,)]
    assert ask(warehouse.path, "SELECT DISTINCT listener, month FROM plays ORDER BY ALL") == [
        ("anna", date(2024, 1, 1)),
        ("anna", date(2024, 2, 1)),
    ]


def ask(path, sql):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_keys_and_comments(history, warehouse):
    publish(history, warehouse)
    keys = ask(warehouse.path, "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
               "WHERE constraint_type = 'PRIMARY KEY'")  # fmt: skip
    dimensions = {table for table in TABLES if TABLES[table].layer == "dimensions"}
    assert {table: names for table, names in keys if table in TABLES} == {
        table: TABLES[table].primary_key for table in dimensions
    }
    links = ask(warehouse.path, "SELECT table_name, referenced_table FROM duckdb_constraints() "
                "WHERE constraint_type = 'FOREIGN KEY'")  # fmt: skip
    assert ("bridge_track_artist", "dim_track") in links
    comments = dict(ask(warehouse.path, "SELECT table_name, comment FROM duckdb_tables()"))
    assert all(comments[table] == TABLES[table].comment for table in TABLES)
    [(key,)] = ask(warehouse.path, "SELECT comment FROM duckdb_columns() "
                   "WHERE table_name = 'fct_plays' AND column_name = 'artist_key'")  # fmt: skip
    assert key == "The album's artist; -2 unless a track. References dim_artist.artist_key"


def test_a_new_month_replaces_that_month_and_what_has_no_months(history, warehouse):
    publish(history, warehouse)
    history.land("anna/2024-04.json", APRIL)
    history.sync()
    done = publish(history, warehouse)
    assert spans(done["fct_plays"]) == "2024-04-01 to 2024-05-01"
    assert done["fct_plays"].rows == 2
    assert spans(done["track_metrics"]) == "whole"
    assert "raw_playlists" not in done
    assert ask(warehouse.path, "SELECT month, count(*) FROM fct_plays GROUP BY ALL ORDER BY ALL") == [
        (date(2024, 1, 1), 2),
        (date(2024, 2, 1), 1),
        (date(2024, 4, 1), 2),
    ]
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def test_a_month_that_became_empty_is_emptied(history, warehouse):
    publish(history, warehouse)
    (history.root / "landing/history/anna/2024-02.json").unlink()
    history.sync()
    publish(history, warehouse)
    assert ask(warehouse.path, "SELECT month, count(*) FROM fct_plays GROUP BY ALL") == [(date(2024, 1, 1), 2)]
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def test_another_grain_is_published_whole(history, warehouse):
    publish(history, warehouse)
    history.overrides["plays_grain"] = "weekly"
    history.refresh()
    publish(history, warehouse)
    assert ask(warehouse.path, "SELECT count(*), count(DISTINCT play_id) FROM fct_plays") == [(3, 3)]
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def test_an_open_reader_keeps_the_former_content_and_blocks_nothing(history, warehouse):
    publish(history, warehouse)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, warehouse.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline() == "3\n"
    history.land("anna/2024-04.json", APRIL)
    history.sync()
    publish(history, warehouse)
    assert ask(warehouse.path, "SELECT count(*) FROM fct_plays") == [(5,)]
    assert reader.communicate("again\n")[0] == "3\n"


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in range(2):
    print(connection.execute("SELECT count(*) FROM fct_plays").fetchone()[0], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(warehouse):
    """Starts a program that commits to the file without a checkpoint, and goes on when told."""
    running = []

    def start():
        program = subprocess.Popen(
            [sys.executable, "-c", WRITER, warehouse.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(program)
        assert program.stdout is not None
        assert program.stdout.readline() == "written\n"
        return program

    yield start
    for program in running:
        program.kill()
        program.communicate()


def kill(program):
    program.kill()
    program.communicate()


WRITER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("SET checkpoint_threshold = '1 TB'")
connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
print("written", flush=True)
sys.stdin.readline()
connection.execute("INSERT INTO mine VALUES (2)")
"""


def test_rows_that_another_writer_commits_are_not_lost(history, warehouse, writer, monkeypatch):
    monkeypatch.setattr(duckdb_file, "IN_USE", Backoff(attempts=2, first_wait=0.1, longest_wait=0.1))
    publish(history, warehouse, ["dim_time"])
    program = writer()
    with pytest.raises(TargetError, match="is unchanged: another program has it open"):
        publish(history, warehouse, ["dim_date"])
    program.communicate("go on\n")
    assert set(publish(history, warehouse, ["dim_date"])) == {"dim_date"}
    assert ask(warehouse.path, "SELECT one FROM mine") == [(1,), (2,)]


def test_rows_of_a_killed_writer_are_not_lost(history, warehouse, writer):
    publish(history, warehouse, ["dim_time"])
    kill(writer())
    assert Path(f"{warehouse.path}.wal").stat().st_size
    assert set(publish(history, warehouse, ["dim_date"])) == {"dim_date"}
    assert not Path(f"{warehouse.path}.wal").exists()
    assert ask(warehouse.path, "SELECT one FROM mine") == [(1,)]


def test_a_wal_file_of_a_deleted_file_is_not_replayed_over_the_new_one(history, warehouse, writer):
    publish(history, warehouse, ["dim_time"])
    kill(writer())
    Path(warehouse.path).unlink()
    publish(history, warehouse, ["dim_time"])
    assert not Path(f"{warehouse.path}.wal").exists()
    assert ask(warehouse.path, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'") == [(0,)]


def pending(history, warehouse, tables=("dim_date", "dim_time")):
    return [refresh.table for refresh in publishing.pending_refreshes(warehouse, history.lake, tables)]


def notes(done):
    return [result.details["note"] for result in done.values() if result.details]


def cut_off(file):
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size - 262_144)


def overwrite(file):
    with file.open("r+b") as content:
        content.seek(12_288)
        content.write(b"?" * (file.stat().st_size - 12_288))


def test_a_table_that_was_dropped_or_emptied_is_pending(history, warehouse):
    publish(history, warehouse, ["dim_date", "dim_time"])
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("DROP TABLE dim_date")
        connection.execute("DELETE FROM dim_time WHERE hour > 12")
        connection.execute("CREATE SCHEMA own")
        connection.execute("CREATE TABLE own.dim_date (one INTEGER)")
    assert set(publish(history, warehouse, ["dim_date", "dim_time"])) == {"dim_date", "dim_time"}
    assert pending(history, warehouse) == []


@pytest.mark.parametrize(("damage", "is_kept"), [(cut_off, False), (overwrite, True), (Path.unlink, False)])
def test_a_damaged_file_is_written_anew(history, warehouse, damage, is_kept):
    publish(history, warehouse, ["dim_date", "dim_time"])
    damage(Path(warehouse.path))
    assert pending(history, warehouse) == ["dim_date", "dim_time"]
    said = notes(publish(history, warehouse, ["dim_date", "dim_time"]))
    assert pending(history, warehouse) == []
    kept = [path.name for path in Path(warehouse.path).parent.glob("*.damaged-*")]
    assert len(kept) == is_kept
    assert len(said) == (damage is not Path.unlink)
    assert all("was damaged, and was written anew" in line for line in said)
    assert all(name in line for name in kept for line in said)


def test_a_file_of_which_a_table_was_dropped_is_not_damaged(history, warehouse):
    """DuckDB cuts off free blocks at the end, which its header counts all the same."""
    publish(history, warehouse, ["dim_time"])
    let_duckdb_cut_off(Path(warehouse.path))
    assert pending(history, warehouse, ["dim_time"]) == []
    publish(history, warehouse, ["dim_date"])
    assert ask(warehouse.path, "SELECT count(*) > 5 FROM mine") == [(True,)]


def test_a_damaged_file_with_tables_of_ones_own_is_kept(history, warehouse):
    publish(history, warehouse, ["dim_date", "dim_time"])
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("CREATE VIEW mine AS SELECT 1 AS one")
    cut_off(Path(warehouse.path))
    publish(history, warehouse, ["dim_date", "dim_time"])
    [kept] = Path(warehouse.path).parent.glob("*.damaged-*")
    assert ask(kept, "SELECT one FROM mine") == [(1,)]
    with pytest.raises(TargetError, match=f"former rows are in .*{kept.name}"):
        warehouse.drop_history(history.lake)


def test_damage_that_is_found_while_copying(history, warehouse):
    publish(history, warehouse, ["dim_time"])
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("CREATE TABLE mine AS SELECT md5(range::VARCHAR) AS text FROM range(100_000)")
    with Path(warehouse.path).open("r+b") as content:
        content.seek(-1_000_000, 2)
        content.write(b"?" * 600_000)
    assert pending(history, warehouse, ["dim_time"]) == []
    [said] = notes(publish(history, warehouse, full=True))
    [kept] = Path(warehouse.path).parent.glob("*.damaged-*")
    assert kept.name in said
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def test_a_wal_file_that_does_not_fit_is_kept(history, warehouse, writer):
    publish(history, warehouse, ["dim_time"])
    kill(writer())
    wal = Path(f"{warehouse.path}.wal")
    left = wal.read_bytes()
    publish(history, warehouse, ["dim_time"], full=True)
    wal.write_bytes(left)
    [said] = notes(publish(history, warehouse, ["dim_time"]))
    assert "a WAL file that doesn't fit" in said
    [kept] = wal.parent.glob("*.damaged-*.wal")
    assert kept.read_bytes() == left
    assert ask(warehouse.path, "SELECT one FROM mine") == [(1,)]


def test_a_file_of_something_else_is_left_alone(history, warehouse):
    file = Path(warehouse.path)
    file.parent.mkdir()
    file.write_text("a letter " * 1_000)
    with pytest.raises(TargetError, match="SPOTIFY_ASSETS_WAREHOUSE"):
        publish(history, warehouse)
    assert file.read_text().startswith("a letter")


def test_tables_of_ones_own_stay(history, warehouse):
    Path(warehouse.path).parent.mkdir()
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
    publish(history, warehouse, ["dim_time"])
    assert ask(warehouse.path, "SELECT one FROM mine") == [(1,)]
    assert ask(warehouse.path, "SELECT count(*) FROM dim_time") == [(26,)]
    warehouse.drop_history(history.lake)
    assert ask(warehouse.path, "SELECT one FROM mine") == [(1,)]
    assert publishing.pending_refreshes(warehouse, history.lake) == []


def test_copies_of_killed_runs_are_removed(history, warehouse):
    file = Path(warehouse.path)
    file.parent.mkdir()
    for name in (".warehouse.duckdb.0123abcd", ".warehouse.duckdb.0123abcd.wal", ".warehouse.duckdb.mine"):
        file.with_name(name).write_bytes(b"rows")
    publish(history, warehouse, ["dim_time"])
    assert sorted(path.name for path in file.parent.glob(".*")) == [".warehouse.duckdb.mine"]


def test_a_failed_refresh_leaves_the_file_unchanged(history, warehouse, monkeypatch):
    publish(history, warehouse)
    before = Path(warehouse.path).read_bytes()
    history.land("anna/2024-04.json", APRIL)
    history.sync()
    refreshes = publishing.pending_refreshes(warehouse, history.lake)
    for file in (history.root / "lake/metrics/track_metrics").glob("*.parquet"):
        file.unlink()
    with pytest.raises(TargetError, match="is unchanged"):
        list(warehouse.publish(history.lake, refreshes))
    assert Path(warehouse.path).read_bytes() == before
    assert sorted(path.name for path in Path(warehouse.path).parent.glob("*warehouse*")) == [
        "warehouse.duckdb",
        "warehouse.duckdb.lock",
    ]


def test_recreating_a_dimension_recreates_referencing_tables(history, warehouse):
    publish(history, warehouse)
    done = publish(history, warehouse, ["dim_artist"], full=True)
    assert {"dim_artist", "dim_album", "dim_track", "bridge_track_artist"} <= set(done)
    assert not {"artist_metrics", "fct_plays"} & set(done)
    assert publishing.pending_refreshes(warehouse, history.lake) == []


@pytest.fixture
def viewing(warehouse, monkeypatch):
    """A warehouse that has views in the place of large tables, and takes every table for large."""
    monkeypatch.setattr(duckdb_file, "VIEWED_BYTES", 0)
    return warehouse


def views(warehouse):
    """Names of the tables that are views."""
    return {name for (name,) in ask(warehouse.path, "SELECT view_name FROM duckdb_views()") if name in TABLES}


def columns(warehouse):
    return ask(
        warehouse.path,
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    )


def removed_meanwhile(lake, table):
    """Write the table's files anew, and remove the former ones, as a vacuum does after the retention."""
    delta = lake.open(table)
    delta.optimize.z_order(["listener"])
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)


def test_large_tables_are_views_of_the_lake_with_the_same_columns(history, warehouse, monkeypatch):
    publish(history, warehouse)
    assert views(warehouse) == set()
    copied = columns(warehouse)
    monkeypatch.setattr(duckdb_file, "VIEWED_BYTES", 0)
    done = publish(history, warehouse)
    partial = {"monthly_content", "daily_track_plays", "hourly_listening"}
    assert views(warehouse) >= {"raw_plays", "raw_files", "plays"} | partial
    assert not views(warehouse) & {"fct_plays", "dim_track", "track_metrics"}
    assert done.keys() == views(warehouse)
    assert done["plays"].rows == 3
    assert columns(warehouse) == copied
    comments = dict(ask(warehouse.path, "SELECT view_name, comment FROM duckdb_views()"))
    assert all(comments[table] == TABLES[table].comment for table in views(warehouse))
    test_every_row_of_every_table(history, warehouse)


def test_a_table_that_is_no_longer_large_is_copied_again(history, viewing, monkeypatch):
    publish(history, viewing)
    monkeypatch.setattr(duckdb_file, "VIEWED_BYTES", 64_000_000)
    assert "plays" in publish(history, viewing)
    assert views(viewing) == set()
    test_every_row_of_every_table(history, viewing)


def test_views_read_new_files_after_each_sync(history, viewing):
    publish(history, viewing)
    history.land("anna/2024-04.json", APRIL)
    history.sync()
    assert {"plays", "raw_plays", "daily_track_plays"} <= publish(history, viewing).keys()
    test_every_row_of_every_table(history, viewing)


def test_a_query_whose_files_were_removed_says_what_to_do_and_a_refresh_mends_it(history, viewing):
    publish(history, viewing)
    removed_meanwhile(history.lake, "plays")
    with (
        pytest.raises(duckdb.IOException, match=r"try again, and if that doesn't help, run `spotify-assets sync`"),
        viewing.connect_read_only() as connection,
    ):
        connection.execute("FROM plays").fetchall()
    assert publish(history, viewing).keys() == {"plays"}
    assert count(viewing, "plays").rows == 3


def test_maintenance_removes_no_file_that_a_view_reads(history, viewing):
    publish(history, viewing)
    history.lake.open("plays").optimize.z_order(["listener"])
    viewing.refresh_views(history.lake)
    removed_meanwhile(history.lake, "raw_files")
    delta = history.lake.open("plays")
    assert delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    assert count(viewing, "plays").rows == 3


def test_views_are_refreshed_without_what_is_copied(history, viewing):
    publish(history, viewing)
    history.land("anna/2024-04.json", APRIL)
    history.sync()
    viewing.refresh_views(history.lake)
    pending = {refresh.table for refresh in publishing.pending_refreshes(viewing, history.lake)}
    assert "fct_plays" in pending
    assert not pending & views(viewing)


def test_a_file_that_is_not_there_has_no_views_to_refresh(history, viewing):
    viewing.refresh_views(history.lake)
    assert not Path(viewing.path).exists()


def test_the_next_refresh_mends_views_of_a_lake_that_was_moved(history, viewing):
    publish(history, viewing)
    moved = Lake(str(history.root / "elsewhere"))
    shutil.move(history.lake.uri, moved.uri)
    list(viewing.publish(moved, publishing.pending_refreshes(viewing, moved)))
    assert ask(viewing.path, "SELECT count(*) FROM plays") == [(3,)]
    assert publishing.pending_refreshes(viewing, moved) == []


@pytest.mark.parametrize(("name", "is_viewed"), [("it's 100% ünïcode", True), ("a[1]*", False), ("month=2001", False)])
def test_views_of_a_lake_wherever_it_is(history, viewing, name, is_viewed):
    lake = Lake(str(history.root / name))
    shutil.copytree(history.lake.uri, lake.uri)
    list(viewing.publish(lake, publishing.pending_refreshes(viewing, lake)))
    assert ("plays" in views(viewing)) == is_viewed
    assert ask(viewing.path, "SELECT count(*), min(month) FROM plays") == [(3, date(2024, 1, 1))]


def test_a_standalone_file_needs_no_lake(history, viewing, tmp_path):
    carried = Warehouse(str(tmp_path / "carried.duckdb"), standalone=True)
    publish(history, carried, full=True)
    shutil.rmtree(history.lake.uri)
    assert views(carried) == set()
    assert ask(carried.path, "SELECT count(*) FROM plays JOIN fct_plays USING (play_id)") == [(3,)]


@pytest.mark.parametrize("change", ["DROP VIEW plays", "DROP VIEW plays; CREATE TABLE plays (play_id VARCHAR)"])
def test_a_view_that_was_dropped_or_replaced_is_pending(history, viewing, change):
    publish(history, viewing)
    with duckdb.connect(viewing.path) as connection:
        connection.execute(change)
    assert publish(history, viewing).keys() == {"plays"}
    assert "plays" in views(viewing)


def test_a_damaged_file_with_views_is_written_anew(history, viewing):
    tables = ["plays", "dim_date", "dim_time"]
    publish(history, viewing, tables)
    cut_off(Path(viewing.path))
    publish(history, viewing, tables)
    assert not list(Path(viewing.path).parent.glob("*.damaged-*"))
    assert views(viewing) == {"plays"}


def test_all_tables_are_written_anew_over_views(history, viewing):
    publish(history, viewing)
    publish(history, viewing, full=True)
    test_every_row_of_every_table(history, viewing)


def test_a_sandboxed_query_reads_views_and_no_other_file(history, viewing, tmp_path):
    publish(history, viewing)
    secret = tmp_path / "secret.csv"
    secret.write_text("password\n1\n")
    with (
        viewing.connect_read_only(history.lake.uri) as connection,
        viewing.connect_read_only(history.lake.uri) as second,
    ):
        assert second.execute("SELECT count(*) FROM plays").fetchall() == [(3,)]
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"SELECT * FROM read_csv('{secret}')")
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("SET enable_external_access = true")


def test_a_view_of_ones_own_in_another_schema_is_not_ours(history, warehouse):
    publish(history, warehouse)
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("CREATE SCHEMA mine")
        connection.execute("CREATE VIEW mine.plays AS SELECT 1 AS one")
    publish(history, warehouse, full=True)
    assert ask(warehouse.path, "SELECT one FROM mine.plays") == [(1,)]
    assert count(warehouse, "plays").rows == 3
    cut_off(Path(warehouse.path))
    publish(history, warehouse)
    assert len(list(Path(warehouse.path).parent.glob("*.damaged-*"))) == 1


def test_sandboxed_queries_read_views_of_a_layer_on_another_disk(history, viewing, tmp_path):
    layer = Path(history.lake.uri, "cleaned")
    shutil.move(layer, tmp_path / "elsewhere")
    layer.symlink_to(tmp_path / "elsewhere")
    publish(history, viewing)
    with viewing.connect_read_only(history.lake.uri) as connection:
        assert connection.execute("SELECT count(*) FROM plays").fetchall() == [(3,)]


def test_threads_that_open_a_file_at_once_all_restrict_it(history, viewing):
    publish(history, viewing)

    def read(_):
        with viewing.connect_read_only(history.lake.uri) as connection:
            return connection.execute("SELECT count(*) FROM plays").fetchall()

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(read, range(40))] == [[(3,)]] * 40


def test_views_of_damaged_tables_keep_no_others_from_being_refreshed(history, viewing):
    publish(history, viewing)
    before = viewing.published_states()
    for table in ("plays", "raw_files"):
        history.lake.open(table).optimize.z_order(["listener"])
    for path in Path(history.lake.uri, "cleaned/plays").rglob("*.parquet"):
        path.unlink(missing_ok=True)
    viewing.refresh_views(history.lake)
    after = viewing.published_states()
    assert after["raw_files"] != before["raw_files"]
    assert after["plays"] == before["plays"]


def test_what_another_process_published_later_stays(synced):
    target, ours = Warehouse(path=synced.settings.warehouse), synced.lake
    list(target.publish(ours, publishing.pending_refreshes(target, ours)))
    synced.land("anna/c.json", [extended("2024-02-15T13:37:00Z")])
    synced.ingest()
    synced.refresh("plays")
    theirs = synced.lake
    list(target.publish(theirs, publishing.pending_refreshes(target, theirs)))
    assert publishing.pending_refreshes(target, ours) == []
    assert dict(target.counts(["plays"]))["plays"].rows == 3
