"""Real ticks, on a real instance: until nothing is stale."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.job_base import RepoBackedJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from spotify_assets.definitions import definitions
from spotify_assets.defs import sensors, sync_jobs
from spotify_assets.refresh import staleness
from spotify_assets.refresh.sync_log import FAILED, SyncLog
from spotify_assets.targets import publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets_tests.conftest import SYNCED, extended
from spotify_assets_tests.lake.broken import KINDS

pytestmark = pytest.mark.integration


def tick(sensor, world, instance, cursor=None):
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"settings": world.settings},
    )
    return sensor(context)


def execute(settings, instance, job=sync_jobs.sync_job, tags=None):
    """Execute a job as the process of a run does, which knows the repository."""
    repository = definitions(settings).get_repository_def()
    return core_execute_in_process(
        run_config={},
        job=RepoBackedJob(job.name, repository),
        instance=instance,
        output_capturing_enabled=False,
        raise_on_error=False,
        run_tags=tags,
    )


def metadata(record, name):
    return record.asset_materialization.metadata[name].value


def test_ticks_run_everything_from_a_landed_file_until_nothing_is_stale(world, instance):
    moments = ("2024-01-31T13:37:00Z", "2024-01-31T13:37:00Z", "2024-02-15T12:00:00Z", "2024-04-01T00:00:00Z", "soon")
    world.land("anna/a.json", [*map(extended, moments), extended(moments[-2], track="Other"), 5])
    world.land("anna/ReadMe.pdf", b"%PDF")
    # The first range and that of 2024 are further apart than the empty months that one run takes along.
    world.overrides["plays_start"] = "2022-01-01"
    landed = tick(sensors.landing_sensor, world, instance)
    assert len(landed.run_requests) == 1
    # What a sync that fails once it has read leaves to the other sensors.
    world.ingest()
    skipped = tick(sensors.landing_sensor, world, instance, landed.cursor).skip_message
    assert "all are read" in skipped
    assert "Not used: ignored: history/anna/ReadMe.pdf (" in skipped
    stale = tick(sensors.stale_sensor, world, instance)
    assert len(stale.run_requests) == 1
    assert execute(world.settings, instance, sync_jobs.refresh_and_publish).success
    runs = instance.get_run_records(dg.RunsFilter(job_name="refresh_tables"), ascending=True)
    ranges = [record.dagster_run.tags["dagster/asset_partition_range_start"] for record in runs]
    assert ranges == ["2022-01-01", "2024-01-01", "2022-01-01"]
    logs = [instance.all_logs(record.dagster_run.run_id) for record in runs]
    checks = [[entry.asset_check_evaluation for entry in log if entry.asset_check_evaluation] for log in logs]
    failed = [found for of_run in checks for found in of_run if not found.passed]
    assert [(found.asset_key.path, found.check_name, found.description) for found in failed] == []
    assert max(map(len, checks)) > 60
    assert "up to date" in tick(sensors.stale_sensor, world, instance, stale.cursor).skip_message
    assert not staleness.stale(world.lake, world.settings)
    assert len(world.rows("fct_plays")) == 4
    plays = instance.fetch_materializations(dg.AssetKey("fct_plays"), limit=100).records
    assert {one.partition_key: metadata(one, "dagster/partition_row_count") for one in plays} == {
        "2022-01-01": 0,
        "2024-01-01": 1,
        "2024-02-01": 1,
        "2024-03-01": 0,
        "2024-04-01": 2,
    }
    [tracks] = instance.fetch_materializations(dg.AssetKey("dim_track"), limit=100).records
    assert metadata(tracks, "dagster/row_count") == 4
    assert metadata(tracks, "dagster/uri").endswith("lake/dimensions/dim_track")
    assert publishing.pending_refreshes(Warehouse(path=world.settings.warehouse), world.lake) == []
    published = tick(sensors.publish_sensor, world, instance)
    assert "Every target is up to date" in published.skip_reason.skip_message


def test_a_landing_zone_of_catalogue_files_alone_is_read(world, instance):
    assert tick(sensors.landing_sensor, world, instance).skip_message.startswith("0 files below")
    world.landing.land("catalog/artists.csv", b"id,name,followers\n1,Band,7\n")
    assert len(tick(sensors.landing_sensor, world, instance).run_requests) == 1
    world.ingest()
    assert tick(sensors.landing_sensor, world, instance).skip_message.startswith("0 files below")
    assert len(tick(sensors.stale_sensor, world, instance).run_requests) == 1


def test_each_target_is_judged_by_what_it_holds(synced, instance, monkeypatch):
    def asked(cursor):
        found = tick(sensors.publish_sensor, synced, instance, cursor)
        return {key.path[0] for request in found.run_requests for key in request.asset_selection}, found

    warehouse = Warehouse(path=synced.settings.warehouse)
    list(warehouse.publish(synced.lake, publishing.pending_refreshes(warehouse, synced.lake)))
    names, found = asked(None)
    assert (names, found.skip_reason.skip_message) == (set(), "Every target is up to date.")
    synced.overrides["mysql_url"] = "mysql://user:password@127.0.0.1:1/music"
    names, found = asked(found.cursor)
    assert names == {"mysql"}
    Path(warehouse.path).unlink()
    now = time.time()
    monkeypatch.setattr(sensors.time, "time", lambda: now + 59)
    names, found = asked(found.cursor)
    assert names == set()
    assert found.skip_reason.skip_message.startswith("mysql lacks changes of the lake, but this run was requested 1")
    monkeypatch.setattr(sensors.time, "time", lambda: now + 301)
    assert asked(found.cursor)[0] == {"duckdb", "mysql"}


def test_publishing_waits_for_what_is_stale_and_for_a_minute_after_it_failed(world, prepared, instance, monkeypatch):
    assert "stale" in tick(sensors.publish_sensor, world, instance).skip_message
    prepared(SYNCED)
    asked = tick(sensors.publish_sensor, world, instance)
    assert len(asked.run_requests) == 1
    again = tick(sensors.publish_sensor, world, instance, asked.cursor)
    assert "this run was requested 1 times already" in again.skip_reason.skip_message
    now = time.time()
    monkeypatch.setattr(sensors.time, "time", lambda: now + 61)
    assert len(tick(sensors.publish_sensor, world, instance, asked.cursor).run_requests) == 1


def test_a_file_touched_just_now_waits(world, instance):
    world.land("anna/a.json", [extended("2024-01-31T13:37:00Z")], landed_at=datetime.now(UTC))
    world.ingest()
    world.land("anna/b.json", [extended("2024-01-31T13:37:00Z")], landed_at=datetime.now(UTC))
    assert "modified only seconds ago" in tick(sensors.landing_sensor, world, instance).skip_message


def test_changed_and_deleted_files_are_noticed(synced, instance):
    path = synced.root / "landing/history/anna/a.json"
    path.write_text(json.dumps([extended("2024-01-30T13:37:00Z")]))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert tick(sensors.landing_sensor, synced, instance).run_requests
    path.unlink()
    assert tick(sensors.landing_sensor, synced, instance).run_requests


def test_what_is_asked_for_is_asked_again_only_later(synced, instance):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    first = tick(sensors.landing_sensor, synced, instance)
    again = tick(sensors.landing_sensor, synced, instance, first.cursor)
    assert "next in" in again.skip_message
    long_ago = json.dumps(json.loads(first.cursor) | {"at": time.time() - 61})
    assert tick(sensors.landing_sensor, synced, instance, long_ago).run_requests


def test_waiting_doubles_up_to_an_hour():
    asked = json.dumps({"wanted": "x", "times": 4, "at": 1000.0})
    assert sensors.back_off(asked, "x", 1000.0)[1] == "this run was requested 4 times already; next in 480 s"
    often = json.dumps({"wanted": "x", "times": 40, "at": 1000.0})
    assert sensors.back_off(often, "x", 1000.0)[1].endswith("next in 3,600 s")
    assert sensors.back_off(often, "y", 1000.0)[1] is None
    for_weeks = json.dumps({"wanted": "x", "times": 1026, "at": 1000.0})
    assert sensors.back_off(for_weeks, "x", 1000.0)[1].endswith("next in 3,600 s")


def test_a_clock_that_was_set_back_does_not_add_to_the_wait():
    asked = json.dumps({"wanted": "x", "times": 4, "at": 1_000_000.0})
    assert sensors.back_off(asked, "x", 1000.0)[1].endswith("next in 480 s")


def test_a_sync_that_failed_is_told(synced, instance):
    log = SyncLog(synced.lake.uri)
    log.end(replace(log.start(), outcome=FAILED, failed="publish_mysql: TargetError"))
    for sensor in (sensors.landing_sensor, sensors.stale_sensor):
        assert "UTC: failed (publish_mysql: TargetError) after" in tick(sensor, synced, instance).skip_message


@pytest.mark.parametrize("job", ["sync", "refresh_and_publish", "read_history", "refresh_tables"])
def test_a_run_under_way_is_waited_for_and_a_dead_one_is_not(synced, instance, job):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    run = instance.create_run_for_job(
        definitions(synced.settings).resolve_job_def(job), status=dg.DagsterRunStatus.STARTED
    )
    for sensor in (sensors.landing_sensor, sensors.stale_sensor, sensors.publish_sensor):
        assert f"of {job} is under way" in tick(sensor, synced, instance).skip_message
    instance.report_run_failed(run)
    assert tick(sensors.landing_sensor, synced, instance).run_requests


def test_a_refresh_that_fails_is_asked_for_again_only_later(synced, instance, monkeypatch):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    synced.ingest()
    first = tick(sensors.stale_sensor, synced, instance)
    instance.report_run_failed(
        instance.create_run_for_job(definitions(synced.settings).resolve_job_def("refresh_and_publish"))
    )
    again = tick(sensors.stale_sensor, synced, instance, first.cursor)
    assert "this run was requested 1 times already; next in" in again.skip_message
    # Meanwhile, what lands is read.
    synced.land("anna/d.json", [extended("2024-06-30T13:37:00Z")])
    assert tick(sensors.landing_sensor, synced, instance).run_requests
    now = time.time()
    monkeypatch.setattr(sensors.time, "time", lambda: now + 61)
    assert tick(sensors.stale_sensor, synced, instance, first.cursor).run_requests


def test_a_damaged_table_is_computed_again_and_publishing_waits(synced, instance):
    KINDS["entry_cut"](Path(synced.lake.table_uri("fct_plays")))
    assert "stale" in tick(sensors.publish_sensor, synced, instance).skip_message
    assert len(tick(sensors.stale_sensor, synced, instance).run_requests) == 1
    assert not staleness.stale(synced.lake, synced.settings).damaged


@pytest.mark.parametrize("table", ["raw_plays", "raw_files"])
def test_a_damaged_raw_table_is_read_again_before_anything_is_computed(synced, instance, table):
    KINDS["entry_cut"](Path(synced.lake.table_uri(table)))
    assert len(tick(sensors.landing_sensor, synced, instance).run_requests) == 1
    if table == "raw_files":
        for sensor in (sensors.stale_sensor, sensors.publish_sensor):
            assert tick(sensor, synced, instance).skip_message.startswith("raw_files is damaged: ")


def test_nothing_landed_is_no_error(world, instance):
    assert "0 files" in tick(sensors.landing_sensor, world, instance).skip_message
    assert "Nothing has been read" in tick(sensors.stale_sensor, world, instance).skip_message


TICKING = """
import json, sys
import dagster as dg
from spotify_assets.defs import sensors
from spotify_assets.definitions import definitions
from spotify_assets.settings import load_settings
settings = load_settings(**json.load(sys.stdin))
definitions(settings).get_repository_def()
told = []
with dg.DagsterInstance.ephemeral() as instance:
    for _ in range(2):
        for sensor in (sensors.landing_sensor, sensors.stale_sensor, sensors.publish_sensor):
            found = sensor(dg.build_sensor_context(instance=instance, resources={"settings": settings}))
            told.append(getattr(found, "skip_message", None) or found.run_requests[0].asset_selection[0].path[0])
    heavy = "pyarrow duckdb numpy pandas pyspark.sql.connect pysail sklearn boto3 spotify_assets.transforms".split()
    told.append([name for name in heavy if name in sys.modules])
print(json.dumps(told))
"""


def test_ticks_of_a_code_server_import_nothing_that_stays_large(synced):
    given = {name: str(getattr(synced.settings, name)) for name in ("lake_uri", "landing_uri", "warehouse")}
    ticked = subprocess.run(
        [sys.executable, "-c", TICKING], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    *told, heavy = json.loads(ticked.stdout.splitlines()[-1])
    assert heavy == []
    assert told[:3] == told[3:]
    assert "all are read" in told[0]
    assert told[1].startswith("Every table is up to date")
    assert told[2] == "duckdb"


def test_a_tick_asks_the_lake_only_after_a_change(synced, instance, monkeypatch):
    assert "up to date" in tick(sensors.stale_sensor, synced, instance).skip_message
    assert "all are read" in tick(sensors.landing_sensor, synced, instance).skip_message
    monkeypatch.setattr(sensors, "call_apart", lambda *args: pytest.fail("it asked"))
    assert "up to date" in tick(sensors.stale_sensor, synced, instance).skip_message
    assert "all are read" in tick(sensors.landing_sensor, synced, instance).skip_message
    monkeypatch.undo()
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    assert tick(sensors.landing_sensor, synced, instance).run_requests
    synced.ingest()
    assert tick(sensors.stale_sensor, synced, instance).run_requests
