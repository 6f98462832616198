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

from spotify_assets.definitions import definitions
from spotify_assets.defs import sensors
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


def run(defs, job, request, instance):
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, asset_selection=request.asset_selection, tags=request.tags
    )
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert [(one.asset_key.path, one.check_name, one.description) for one in checks if not one.passed] == []
    return checks


def metadata(record, name):
    return record.asset_materialization.metadata[name].value


def test_ticks_run_everything_from_a_landed_file_until_nothing_is_stale(world, instance):
    moments = ("2024-01-31T13:37:00Z", "2024-01-31T13:37:00Z", "2024-02-15T12:00:00Z", "2024-04-01T00:00:00Z", "soon")
    world.land("anna/a.json", [*map(extended, moments), extended(moments[-2], track="Other"), 5])
    world.land("anna/ReadMe.pdf", b"%PDF")
    # The first range and that of 2024 are further apart than the empty months that one run takes along.
    world.overrides["plays_start"] = "2022-01-01"
    defs = definitions(world.settings)
    landed = tick(sensors.landing_sensor, world, instance)
    assert len(landed.run_requests) == 1
    run(defs, "read_history", landed.run_requests[0], instance)
    skipped = tick(sensors.landing_sensor, world, instance, landed.cursor).skip_message
    assert "all are read" in skipped
    assert "Not used: ignored: history/anna/ReadMe.pdf (" in skipped
    cursor, ranges, checks = None, [], []
    for _ in range(10):
        found = tick(sensors.stale_sensor, world, instance, cursor)
        if isinstance(found, dg.SkipReason):
            break
        cursor = found.cursor
        [request] = found.run_requests
        ranges.append(request.tags.get("dagster/asset_partition_range_start"))
        checks.append(run(defs, "refresh_tables", request, instance))
    assert ranges == ["2022-01-01", "2024-01-01", "2022-01-01"]
    assert "up to date" in found.skip_message
    assert not staleness.stale(world.lake, world.settings)
    assert len(world.rows("fct_plays")) == 4
    assert max(map(len, checks)) > 60
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
    lake_changed = tick(sensors.publish_sensor, world, instance)
    run(defs, "publish_tables", lake_changed.run_requests[0], instance)
    assert publishing.pending_refreshes(Warehouse(path=world.settings.warehouse), world.lake) == []
    again = tick(sensors.publish_sensor, world, instance, lake_changed.cursor)
    assert "Every target is up to date" in again.skip_reason.skip_message


def test_a_landing_zone_of_catalogue_files_alone_is_read(world, instance):
    assert tick(sensors.landing_sensor, world, instance).skip_message.startswith("0 files below")
    world.landing.land("catalog/artists.csv", b"id,name,followers\n1,Band,7\n")
    assert len(tick(sensors.landing_sensor, world, instance).run_requests) == 1
    world.ingest()
    assert tick(sensors.landing_sensor, world, instance).skip_message.startswith("0 files below")
    [request] = tick(sensors.stale_sensor, world, instance).run_requests
    assert dg.AssetKey("raw_catalog_files") in request.asset_selection


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


def test_a_run_under_way_is_waited_for_and_a_dead_one_is_not(synced, instance):
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    run_ = instance.create_run_for_job(
        definitions(synced.settings).resolve_job_def("read_history"), status=dg.DagsterRunStatus.STARTED
    )
    assert "is under way" in tick(sensors.landing_sensor, synced, instance).skip_message
    instance.report_run_failed(run_)
    assert tick(sensors.landing_sensor, synced, instance).run_requests


def test_a_damaged_table_is_computed_again_and_publishing_waits(synced, instance):
    KINDS["entry_cut"](Path(synced.lake.table_uri("fct_plays")))
    assert "stale" in tick(sensors.publish_sensor, synced, instance).skip_message
    [request] = tick(sensors.stale_sensor, synced, instance).run_requests
    assert [key.path[-1] for key in request.asset_selection] == ["fct_plays"]
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
