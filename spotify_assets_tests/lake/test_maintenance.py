"""Compaction and vacuum: fewer files, the same rows, and no stale windows."""

import json
import os
import time
from pathlib import Path

import pytest
from deltalake import CommitProperties

from spotify_assets.definitions import definitions
from spotify_assets.lake import commits, maintenance
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.refresh import staleness
from spotify_assets.storage import storage_at
from spotify_assets.targets import duckdb_file, publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.lake.broken import KINDS

pytestmark = pytest.mark.integration

MONTH = {"anna/a.json": [extended(f"2024-01-{day:02}T13:37:00Z") for day in range(1, 6)]}


@pytest.fixture
def fragmented(prepared):
    """A world whose plays of January are in five files; what they were computed from is known as before."""
    world = prepared(MONTH)
    fragment(world)
    return world


def fragment(world):
    delta = world.lake.ensure("plays")
    rows = delta.to_pyarrow_table()
    noted = CommitProperties(custom_metadata={"userMetadata": commits.carry_forward_metadata(delta)})
    for number in range(len(rows)):
        mode = "append" if number else "overwrite"
        world.lake.write("plays", rows.slice(number, 1), mode=mode, commit_properties=noted)


def test_a_damaged_table_keeps_no_other_from_being_maintained(fragmented):
    KINDS["entry_cut"](Path(fragmented.lake.table_uri("raw_files")))
    with pytest.raises(DamagedTableError, match=r"^raw_files is damaged"):
        maintenance.maintain_lake(fragmented.lake, 0)
    assert len(fragmented.lake.open("plays").file_uris()) == 1


def files(world):
    return [file.path for file in storage_at(world.lake.uri).files("cleaned/plays") if "_delta_log" not in file.path]


def live(world):
    return len(world.lake.open("plays").file_uris())


def of_plays(world):
    noted = []
    done = world.frames.maintain(noted.append)
    assert noted == done
    [one] = [one for one in done if one.table == "plays"]
    return one


def test_small_files_of_a_month_become_one_and_nothing_is_stale(fragmented):
    before = fragmented.everything()
    assert live(fragmented) == 5
    done = of_plays(fragmented)
    assert live(fragmented) == 1
    assert done.after.files == done.before.files + 1  # nothing is removed before its time
    assert fragmented.everything() == before
    assert not staleness.stale(fragmented.lake, fragmented.settings)


def test_a_compaction_carries_the_state_of_windows_forward(fragmented):
    before = commits.window_states(fragmented.lake.open("plays"))
    of_plays(fragmented)
    delta = fragmented.lake.open("plays")
    [optimized] = [commit for commit in delta.history() if commit["operation"] == "OPTIMIZE"]
    told = json.loads(optimized["userMetadata"])["before"]
    assert told == {name: [window.fingerprint, window.version] for name, window in before.items()} != {}


@pytest.fixture
def no_floor(monkeypatch):
    """Nobody writes: with a retention of 0, whatever is in no commit may go at once."""
    monkeypatch.setattr(maintenance, "LONGEST_WRITE_HOURS", 0)


def test_former_versions_go_once_the_retention_is_over(fragmented, no_floor):
    fragmented.overrides["retention_days"] = 0
    before = fragmented.everything()
    done = of_plays(fragmented)
    assert done.before.files > done.after.files == len(files(fragmented)) == 1
    assert done.before.bytes > done.after.bytes
    assert fragmented.everything() == before
    assert not staleness.stale(fragmented.lake, fragmented.settings)
    assert of_plays(fragmented).before == of_plays(fragmented).after


def test_without_a_retention_files_of_running_writers_stay(prepared):
    world = prepared(MONTH)
    world.overrides["retention_days"] = 0
    table = Path(world.lake.table_uri("plays"))
    killed, running = table / "month=2024-01-01/killed.parquet", table / "month=2024-01-01/running.parquet"
    for file, hours in ((killed, 25), (running, 23)):
        file.write_bytes(b"in no commit")
        os.utime(file, (time.time() - hours * 3600,) * 2)
    of_plays(world)
    assert not killed.exists()
    assert running.exists()


def test_files_of_killed_runs_are_removed_after_the_retention(prepared):
    world = prepared(MONTH)
    table = Path(world.lake.table_uri("plays"))
    old, new = table / "month=2024-01-01/old.parquet", table / "month=2024-01-01/new.parquet"
    for file in (old, new):
        file.write_bytes(b"half of a file")
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (eight_days_ago, eight_days_ago))
    of_plays(world)
    assert not old.exists()
    assert new.exists()


def test_repeated_maintenance_keeps_the_state_of_windows(prepared, no_floor):
    world = prepared(MONTH)
    world.overrides["retention_days"] = 0
    for _ in range(4):
        fragment(world)
        world.frames.maintain()
    assert not staleness.stale(world.lake, world.settings)


def test_the_job_lets_views_of_the_warehouse_read_what_it_keeps(prepared, instance, monkeypatch):
    monkeypatch.setattr(duckdb_file, "VIEWED_BYTES", 0)
    world = prepared(MONTH)
    warehouse = Warehouse(world.settings.warehouse)
    list(warehouse.publish(world.lake, publishing.pending_refreshes(warehouse, world.lake)))
    fragment(world)
    assert "plays" in {refresh.table for refresh in publishing.pending_refreshes(warehouse, world.lake)}
    before = warehouse.published_states()["plays"]
    job = definitions(world.settings).resolve_job_def("maintain_tables")
    assert job.execute_in_process(instance=instance).success
    assert warehouse.published_states()["plays"] != before
    rows = world.lake.count("plays")
    assert dict(warehouse.counts(["plays"]))["plays"].rows == rows


def test_the_job_reports_files_and_bytes(fragmented, instance):
    job = definitions(fragmented.settings).resolve_job_def("maintain_tables")
    result = job.execute_in_process(instance=instance)
    [event] = [event for event in result.all_events if event.is_successful_output]
    told = {name: entry.value for name, entry in event.step_output_data.metadata.items()}
    assert told["files_after"] > told["files_before"] > 0
    tables = {record.data["table"]: record.data for record in told["tables"].records}
    assert tables["plays"]["files after"] == tables["plays"]["files before"] + 1


def test_in_a_bucket(s3_world, no_floor):
    s3_world.land("anna/a.json", MONTH["anna/a.json"])
    s3_world.overrides["retention_days"] = 0
    s3_world.ingest()
    keys = ["2024-01-01"]
    s3_world.frames.write("plays", s3_world.compute("plays", keys), keys)
    before = s3_world.rows("plays")
    fragment(s3_world)
    done = of_plays(s3_world)
    assert done.after.files == len(files(s3_world)) == live(s3_world) == 1
    assert s3_world.rows("plays") == before
    assert "plays" not in staleness.stale(s3_world.lake, s3_world.settings).windows
