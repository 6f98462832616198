"""Delta tables of a lake: open, create, write, drop history."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier, Thread, current_thread, get_ident

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyarrow import parquet
from pyarrow.fs import PyFileSystem

from spotify_assets.lake import commits, tables
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.history import history
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.retry import Backoff
from spotify_assets_tests.faults.compare import find_leaks


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def listeners(*names):
    """Rows of `dim_listener`, which has no partitions."""
    day = date(2024, 1, 31)
    rows = [
        {"listener_key": hash(name), "listener": name, "timezone": "UTC", "first_date": day, "last_date": day}
        for name in names
    ]
    return pa.Table.from_pylist(rows, TABLES["dim_listener"].arrow_schema)


def replace(lake, *names, **options):
    """Replace rows by those of these listeners."""
    lake.replace("dim_listener", lambda: iter(listeners(*names).to_batches()), **options)


def test_files_are_compressed_by_zstandard(lake):
    replace(lake, "anna")
    [file] = lake.ensure("dim_listener").file_uris()
    row_group = parquet.read_metadata(file).row_group(0)
    assert {row_group.column(number).compression for number in range(row_group.num_columns)} == {"ZSTD"}


def test_what_rows_raise_is_raised_and_nothing_committed(lake):
    replace(lake, "anna")

    def rows():
        yield from listeners("ben").to_batches()
        raise KeyError("no such file")

    with pytest.raises(KeyError, match=r"^'no such file'$"):
        lake.replace("dim_listener", rows)
    assert [row["listener"] for row in lake.rows("dim_listener")] == ["anna"]


def test_rows_are_produced_on_a_stack_that_holds_deep_recursion(lake):
    """Threads of deltalake's have 2 MB; those that Python starts are known to it."""
    threads = []

    def rows():
        threads.append(type(current_thread()))
        yield from listeners("anna").to_batches()

    lake.replace("dim_listener", rows)
    assert threads == [Thread]


def names(lake):
    return sorted(lake.read("dim_listener", ["listener"])["listener"].to_pylist())


def test_a_table_is_in_the_folder_of_its_layer(lake):
    assert lake.folder("plays") == "cleaned/plays"
    assert lake.table_uri("plays") == f"{lake.uri}/cleaned/plays"


def test_rows_are_those_that_arrow_reads_by_primary_key(lake):
    read_at = datetime(2024, 1, 31, 13, 37, 0, 123, tzinfo=UTC)
    columns = ["source_file", "feeds", "records", "loaded_at", "exported_at"]
    files = [["b.csv", ["tracks", "albums"], 2, read_at, None], ["a 'quoted'.csv", [], 0, read_at, read_at]]
    for file in files:
        row = pa.Table.from_pylist([dict(zip(columns, file, strict=True))], TABLES["raw_catalog_files"].arrow_schema)
        lake.write("raw_catalog_files", row, mode="append")
    assert lake.rows("raw_catalog_files", columns) == [dict(zip(columns, file, strict=True)) for file in files[::-1]]
    by_arrow = lake.read("raw_catalog_files").to_pylist()
    assert lake.rows("raw_catalog_files") == sorted(by_arrow, key=lambda row: row["source_file"])
    assert lake.rows("raw_files") == []


def test_rows_of_a_partitioned_table_have_its_months_and_dates(lake):
    sunday = {"listener": "anna", "snapshot_date": date(2024, 1, 31), "month": date(2024, 1, 1)}
    rows = pa.Table.from_pylist([sunday], TABLES["playlist_tracks"].arrow_schema)
    lake.ensure("playlist_tracks")
    lake.write("playlist_tracks", rows, mode="append")
    assert lake.rows("playlist_tracks") == lake.read("playlist_tracks").to_pylist()


def test_rows_in_a_bucket_are_read_without_arrow(bucket, monkeypatch):
    lake = Lake(f"{bucket}/lake")
    replace(lake, "anna")
    monkeypatch.setattr(Lake, "read", None)
    assert [row["listener"] for row in lake.rows("dim_listener")] == ["anna"]


def test_rows_of_a_damaged_file_say_which_table(lake):
    replace(lake, "anna")
    [file] = lake.ensure("dim_listener").file_uris()
    Path(file).write_bytes(b"PAR1")
    with pytest.raises(DamagedTableError, match="dim_listener is damaged"):
        lake.rows("dim_listener")


def test_deltas_types_are_those_of_the_arrow_schema():
    for table in TABLES.values():
        expected = {
            field.name: json.loads(field.type.to_json()) for field in Schema.from_arrow(table.arrow_schema).fields
        }
        assert {name: tables.DELTA_TYPES[type_] for name, type_ in table.spark_types.items()} == expected


def test_a_table_that_was_never_written_is_none_and_reads_as_empty(lake):
    assert lake.open("plays") is None
    assert lake.read("plays").schema == TABLES["plays"].arrow_schema
    assert lake.read("plays", ["play_id", "month"]).column_names == ["play_id", "month"]
    assert lake.rows("plays") == []
    assert lake.count("plays") == 0
    assert list(lake.tables()) == []
    assert not Path(lake.uri).exists()


def test_a_column_that_an_earlier_version_did_not_write_reads_as_null(lake):
    write_deltalake(lake.table_uri("dim_listener"), listeners("anna").drop_columns(["timezone"]))
    assert lake.read("dim_listener", ["timezone", "listener"]).to_pylist() == [{"timezone": None, "listener": "anna"}]
    assert lake.read("dim_listener", ["timezone"]).to_pylist() == [{"timezone": None}]
    assert lake.read("dim_listener").schema.names == TABLES["dim_listener"].arrow_schema.names


@pytest.mark.parametrize(("table", "partitions"), [("plays", ["month"]), ("dim_listener", [])])
def test_a_table_is_created_from_the_model(lake, table, partitions):
    made = lake.ensure(table)
    assert pa.schema(made.schema().to_arrow()) == TABLES[table].arrow_schema
    metadata = made.metadata()
    assert (metadata.name, metadata.description) == (table, TABLES[table].comment)
    assert metadata.partition_columns == partitions
    assert metadata.configuration["delta.logRetentionDuration"] == "interval 3650 days"


def test_an_existing_table_is_kept(lake):
    lake.ensure("dim_listener")
    lake.write("dim_listener", listeners("a"), mode="append")
    assert lake.ensure("dim_listener").version() == 1
    assert lake.open("dim_listener") is lake.open("dim_listener")  # on S3, opening one costs requests
    assert names(lake) == ["a"]


def test_a_table_of_another_schema_is_emptied_and_gets_the_models(lake):
    write_deltalake(lake.table_uri("plays"), pa.table({"old": [1]}))
    assert pa.schema(lake.ensure("plays").schema().to_arrow()) == TABLES["plays"].arrow_schema
    assert lake.count("plays") == 0
    assert lake.ensure("plays").metadata().partition_columns == ["month"]


def test_an_open_table_sees_what_others_write(lake):
    lake.ensure("dim_listener")
    Lake(lake.uri).write("dim_listener", listeners("a", "b"), mode="append")
    assert lake.count("dim_listener") == 2
    assert names(lake) == ["a", "b"]


def test_a_table_is_opened_again_with_new_credentials(lake, monkeypatch):
    lake.ensure("dim_listener")
    before = lake.open("dim_listener")
    monkeypatch.setattr(tables, "storage_options", lambda uri: {"aws_session_token": "renewed"})
    assert lake.open("dim_listener") is not before


def test_a_pinned_version_does_not_change(lake):
    lake.ensure("dim_listener")
    lake.write("dim_listener", listeners("a"), mode="append")
    lake.write("dim_listener", listeners("b"), mode="append")
    assert lake.at_version("dim_listener", 1).to_pyarrow_table().num_rows == 1


def test_only_rows_of_the_predicate_are_replaced(lake):
    replace(lake, "a", "b")
    replace(lake, "c", predicate="listener = 'c'")
    assert names(lake) == ["a", "b", "c"]
    replace(lake, predicate="listener IN ('a', 'c')")
    assert names(lake) == ["b"]
    replace(lake, "d")
    assert names(lake) == ["d"]


def test_the_metadata_of_a_replacement_is_of_the_table_before_it(lake):
    lake.replace(
        "dim_listener", lambda: iter(listeners("a").to_batches()), metadata=lambda delta: f"of {delta.version()}"
    )
    assert lake.ensure("dim_listener").history(1)[0]["userMetadata"] == "of 0"


def conflicts(monkeypatch, times):
    """Writers who are first so many times."""
    attempts = []

    def write(self, table, rows, **options):
        attempts.append(table)
        if len(attempts) <= times:
            raise CommitFailedError("another writer was first")
        return genuine(self, table, rows, **options)

    genuine = Lake.write
    monkeypatch.setattr(Lake, "write", write)
    monkeypatch.setattr(tables, "COMMIT_CONFLICT", Backoff(attempts=4, first_wait=0.001, longest_wait=0.001))
    return attempts


def test_a_conflicting_replacement_is_retried_with_new_rows(lake, monkeypatch):
    lake.ensure("dim_listener")
    attempts = conflicts(monkeypatch, 3)
    lake.replace("dim_listener", lambda: iter(listeners(f"attempt {len(attempts) + 1}").to_batches()))
    assert names(lake) == ["attempt 4"]


def test_a_lasting_conflict_is_an_error(lake, monkeypatch):
    lake.ensure("dim_listener")
    attempts = conflicts(monkeypatch, 1_000)
    with pytest.raises(CommitFailedError):
        replace(lake, "a")
    assert len(attempts) == 4


def test_a_table_may_be_created_concurrently(lake):
    """Often enough that a second entry of its creation would show."""
    with ThreadPoolExecutor(4) as pool:
        for table in list(TABLES)[:20]:
            made = list(pool.map(lambda _, table=table: Lake(lake.uri).ensure(table), range(4)))
            assert {(one.metadata().name, one.version()) for one in made} == {(table, 0)}
            assert pa.schema(lake.ensure(table).schema().to_arrow()) == TABLES[table].arrow_schema


def test_tables_are_those_that_exist_in_the_models_order(lake):
    for table in ("fct_plays", "plays"):
        lake.ensure(table)
    assert [name for name, _ in lake.tables()] == [name for name in TABLES if name in ("fct_plays", "plays")]


def test_dropping_history_keeps_the_latest_version_and_the_state_of_windows(lake):
    secret = "A name to be forgotten"

    def noted(what):
        return lambda delta: commits.commit_metadata(delta, what, {commits.WHOLE: what}, None)

    replace(lake, secret, "a", metadata=noted("before"))
    forgotten = f"listener = '{secret}'"
    lake.replace("dim_listener", lambda: iter(()), predicate=forgotten, metadata=noted("now"))
    lake.ensure("dim_listener").optimize.compact()
    state = commits.window_states(Lake(lake.uri).open("dim_listener"))
    assert state[commits.WHOLE].fingerprint == "now"
    for name, year in (("left_by_a_killed_run", 2020), ("dated_by_a_wrong_clock", 2100)):
        path = Path(lake.table_uri("dim_listener"), f"{name}.parquet")
        path.write_bytes(secret.encode())
        os.utime(path, (datetime(year, 1, 1).timestamp(),) * 2)
    assert lake.drop_history() > 0
    assert names(lake) == ["a"]
    files = [path for path in Path(lake.uri).rglob("*") if path.is_file()]
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == []
    assert len([path for path in files if path.suffix == ".parquet" and "checkpoint" not in path.name]) == 1
    assert commits.window_states(Lake(lake.uri).open("dim_listener")) == state


@pytest.mark.parametrize("name", ["anna", 'A "quoted" name', "Ünal\\b"])
def test_a_listener_is_remembered_until_history_is_dropped(lake, name):
    assert not lake.may_remember(name)
    replace(lake, name, "ben", "zoe")
    assert lake.may_remember(name)
    replace(lake, "ben", "zoe")
    assert lake.may_remember(name)
    assert not lake.may_remember(name[:2])
    lake.drop_history()
    assert not lake.may_remember(name)
    assert lake.may_remember("ben")


def test_a_listener_is_remembered_by_the_log_alone(lake):
    replace(lake, "anna")
    replace(lake, "ben")
    lake.ensure("dim_listener").vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert lake.may_remember("anna")


def test_a_file_from_before_a_table_had_listeners_names_nobody(lake):
    replace(lake, "ben")
    before = listeners("anna").drop_columns(["listener"])
    parquet.write_table(before, Path(lake.table_uri("dim_listener"), "of_a_former_version.parquet"))
    assert not lake.may_remember("anna")


def test_a_file_that_cannot_be_read_may_have_a_listener(lake):
    replace(lake, "ben")
    Path(lake.table_uri("dim_listener"), "left_by_a_killed_run.parquet").write_bytes(b"PAR1")
    assert lake.may_remember("anna")


def test_commits_of_a_vacuum_leave_no_traces_of_a_forgotten_listener(lake):
    """They come after ours, say nothing of themselves, and a checkpoint keeps which files they removed."""

    def whole(delta):
        return commits.commit_metadata(delta, "run", {commits.WHOLE: "state"}, None)

    replace(lake, "unforgettable", "a", metadata=whole)
    table = lake.ensure("dim_listener")
    table.create_checkpoint()
    lake.replace("dim_listener", lambda: iter(()), predicate="listener = 'unforgettable'", metadata=whole)
    for _ in range(2):
        table = lake.ensure("dim_listener")
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
        table.create_checkpoint()
    written = [commit["operation"] for commit in history(lake.open("dim_listener"))]
    assert written[:2] == ["VACUUM END", "VACUUM START"]
    assert list(find_leaks(Path(lake.uri), "unforgettable"))
    lake.drop_history()
    assert names(lake) == ["a"]
    assert list(find_leaks(Path(lake.uri), "unforgettable")) == []


def test_files_on_disk_are_read_without_callbacks_into_python(tmp_path):
    """Such a callback while the interpreter ends aborts the process."""
    read = Lake(str(tmp_path / "lake")).ensure("raw_files").to_pyarrow_dataset()
    assert not isinstance(read.filesystem, PyFileSystem)


def test_files_are_passed_over_by_month_and_time_as_all_others_read_them(lake):
    """Conditions of a dataset's files name the window's columns only, and give the rows that deltalake's own give."""
    model = TABLES["plays"].arrow_schema
    moments = [datetime(2024, month, day, tzinfo=UTC) for month in (1, 2) for day in (1, 20)]
    for moment in moments:  # each in a file of its own
        row = dict.fromkeys(model.names) | {"played_at": moment, "month": moment.date().replace(day=1)}
        lake.ensure("plays")
        lake.write("plays", pa.Table.from_pylist([row | {"play_id": str(moment)}], model), mode="append")
    opened = lake.open("plays")
    dataset = opened.to_pyarrow_dataset()
    files = list(dataset.get_fragments())
    assert len(files) == len(moments)
    assert all("month" in str(file.partition_expression) for file in files)
    assert not any("play_id" in str(file.partition_expression) for file in files)
    since = pc.field("played_at") >= moments[3]
    assert len(list(dataset.get_fragments(since))) == 1
    assert dataset.to_table(filter=since)["played_at"].to_pylist() == [moments[3]]
    whole = DeltaTable(opened.table_uri).to_pyarrow_dataset().to_table().sort_by("play_id")
    assert dataset.schema == whole.schema
    assert dataset.to_table().sort_by("play_id") == whole
    narrow = opened.to_pyarrow_dataset(schema=pa.schema([model.field("play_id")]))
    assert narrow.to_table().column_names == ["play_id"]


def test_a_function_is_called_for_each_table_once_and_in_s3_at_the_same_time(lake, bucket):
    both = Barrier(2, timeout=30)
    assert Lake(bucket).for_each(["plays", "raw_files", "plays"], lambda table: (table, both.wait() >= 0)) == {
        "plays": ("plays", True),
        "raw_files": ("raw_files", True),
    }
    threads = lake.for_each(["plays", "raw_files"], lambda table: get_ident())
    assert set(threads.values()) == {get_ident()}


def test_an_error_of_one_table_is_that_of_all(bucket):
    def fail(table):
        raise KeyError(table)

    with pytest.raises(KeyError, match="plays"):
        Lake(bucket).for_each(["plays", "raw_files"], fail)


def test_a_version_stays_what_it_is_when_the_table_is_written_again(lake):
    replace(lake, "anna")
    version = lake.open("dim_listener").version()
    assert lake.at_version("dim_listener", version) is lake.at_version("dim_listener", version)
    replace(lake, "anna", "ben")
    lake.open("dim_listener")
    assert lake.at_version("dim_listener", version).to_pyarrow_table(columns=["listener"]).num_rows == 1


def test_an_opened_table_is_that_of_the_last_look(lake):
    replace(lake, "anna")
    opened = lake.open("dim_listener")
    replace(Lake(lake.uri), "ben")
    assert lake.opened("dim_listener") is opened
    assert opened.version() == 1
    assert Lake(lake.uri).opened("dim_listener").version() == 2


def test_a_recent_version_of_a_raw_table_is_the_latest(world):
    lake = world.lake
    lake.ensure("raw_merges")
    world.lake.write("raw_merges", TABLES["raw_merges"].arrow_schema.empty_table(), mode="append")
    assert lake.recent("raw_merges").version() == 1


def test_what_is_opened_during_a_write_is_not_recent_after_it(world, monkeypatch):
    lake, rows = world.lake, TABLES["dim_platform"].arrow_schema.empty_table()
    lake.ensure("dim_platform")
    write = tables.write_deltalake

    def write_slowly(*arguments, **options):
        lake.open("dim_platform")
        write(*arguments, **options)

    monkeypatch.setattr(tables, "write_deltalake", write_slowly)
    lake.write("dim_platform", rows, mode="append")
    assert lake.recent("dim_platform").version() == 1


def test_a_recent_version_is_the_latest_of_this_process_and_that_of_others_after_a_while(world, monkeypatch):
    rows = TABLES["dim_platform"].arrow_schema.empty_table()
    lake, other = world.lake, world.lake
    assert lake.recent("dim_platform") is None
    lake.ensure("dim_platform")
    other.write("dim_platform", rows, mode="append")
    assert lake.recent("dim_platform").version() == 0
    lake.write("dim_platform", rows, mode="append")
    assert lake.recent("dim_platform").version() == 2
    other.write("dim_platform", rows, mode="append")
    assert lake.recent("dim_platform").version() == 2
    monkeypatch.setattr(tables, "RECENT_SECONDS", 0)
    assert lake.recent("dim_platform").version() == 3
