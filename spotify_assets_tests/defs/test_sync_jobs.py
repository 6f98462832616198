"""Syncs as runs of Dagster: what they run in their process, and what they leave when they fail or are stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG

from spotify_assets.defs import sensors, sync_jobs
from spotify_assets.defs.assets import raw
from spotify_assets.defs.definitions import definitions
from spotify_assets.defs.failures import why_failed
from spotify_assets.defs.liveness import PID_TAG
from spotify_assets.ingest.history_changes import find_changes
from spotify_assets.processes import this_process
from spotify_assets.refresh import staleness
from spotify_assets.refresh.sync_log import FAILED, STOPPED, SUCCEEDED, SyncLog
from spotify_assets.targets import publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.defs.test_sensors import execute, tick

pytestmark = pytest.mark.integration

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
# A process takes some 5 s to start; the bound leaves room for a busy machine.
PATIENCE = 120
HISTORY = [extended("2024-05-31T13:37:00Z")]


def children(instance, result):
    """Job and status of the runs that a sync started, in their order."""
    records = instance.get_run_records(dg.RunsFilter(tags={sync_jobs.SYNC_TAG: result.run_id}), ascending=True)
    return [(record.dagster_run.job_name, record.dagster_run.status) for record in records]


def logged(instance, result, level):
    """Lines of a level in the run's log that its step wrote."""
    lines = [entry for entry in instance.all_logs(result.run_id) if not entry.dagster_event]
    return [entry.user_message for entry in lines if entry.level == level]


def test_landed_files_are_read_refreshed_and_published_by_one_run(synced, instance):
    synced.land("anna/c.json", HISTORY)
    result = execute(synced.settings, instance)
    assert result.success
    jobs = ["read_history", "refresh_tables", "publish_tables"]
    assert children(instance, result) == [(job, SUCCESS) for job in jobs]
    assert all(
        PID_TAG in run.tags for run in instance.get_runs(dg.RunsFilter(tags={sync_jobs.SYNC_TAG: result.run_id}))
    )
    assert not staleness.stale(synced.lake, synced.settings)
    assert publishing.pending_refreshes(Warehouse(path=synced.settings.warehouse), synced.lake) == []
    [plays] = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("fct_plays"), asset_partitions=["2024-05-01"]), limit=9
    ).records
    assert plays.asset_materialization.metadata["dagster/partition_row_count"].value == 1
    assert instance.fetch_materializations(dg.AssetKey(["duckdb", "fct_plays"]), limit=9).records
    titles = [line.partition(" (")[0] for line in logged(instance, result, 20)]
    assert titles[0] == "Reading the landing zone"
    assert titles[-1].startswith("Done: landing zone 1 new; ")
    record = SyncLog(synced.lake.uri).last()
    assert (record.outcome, record.landing, record.warnings) == (SUCCEEDED, "1 new", 0)

    nothing = execute(synced.settings, instance)
    assert nothing.success
    assert children(instance, nothing) == []
    assert logged(instance, nothing, 20) == ["Done: nothing"]
    for sensor in (sensors.landing_sensor, sensors.stale_sensor):
        assert isinstance(tick(sensor, synced, instance), dg.SkipReason)
    assert not tick(sensors.publish_sensor, synced, instance).run_requests


def test_what_was_not_read_is_no_matter_of_a_refresh(synced, instance, monkeypatch):
    monkeypatch.setattr("spotify_assets.refresh.plan.plan_runs", lambda *_: [])
    synced.land("anna/c.json", HISTORY)
    result = execute(synced.settings, instance, sync_jobs.refresh_and_publish)
    assert children(instance, result) == [("publish_tables", SUCCESS)]
    assert find_changes(synced.landing, synced.lake, synced.settings)


def test_a_run_that_fails_is_named_and_other_targets_are_written(synced, instance, monkeypatch):
    monkeypatch.setattr("spotify_assets.refresh.plan.plan_runs", lambda *_: [])
    (synced.root / "letter").write_text("a letter " * 1_000)
    synced.overrides |= {"export_uri": f"{synced.root / 'letter'}/within", "warehouse": f"{synced.root}/file.duckdb"}
    result = execute(synced.settings, instance)
    assert not result.success
    assert children(instance, result) == [("publish_tables", SUCCESS)]
    assert publishing.pending_refreshes(Warehouse(path=synced.settings.warehouse), synced.lake) == []
    assert "files: " in why_failed(result.all_events)
    assert SyncLog(synced.lake.uri).last().outcome == FAILED


def test_a_step_that_fails_is_told_with_its_run(synced, instance, monkeypatch):
    def fail(*_):
        raise OSError("the disk is gone")

    synced.land("anna/c.json", HISTORY)
    monkeypatch.setattr(raw.history, "ingest", fail)
    result = execute(synced.settings, instance)
    [failed] = instance.get_run_records(dg.RunsFilter(job_name="read_history"))
    assert failed.dagster_run.status is FAILURE
    why = f"read_landing: OSError: the disk is gone (run {failed.dagster_run.run_id[:8]} of read_history)"
    assert why_failed(result.all_events) == f"read_refresh_and_publish: {why}"
    assert children(instance, result) == [("read_history", FAILURE)]
    assert SyncLog(synced.lake.uri).last().failed == "read_landing: OSError"
    # The landing sensor asks for another one.
    assert tick(sensors.landing_sensor, synced, instance).run_requests


def test_failed_checks_are_warnings_of_the_sync(synced, instance, monkeypatch):
    monkeypatch.setattr("spotify_assets.refresh.plan.plan_runs", lambda *_: [])
    count = Warehouse.counts

    def miscount(self, tables):
        return ((table, replace(found, rows=found.rows + (table == "plays"))) for table, found in count(self, tables))

    monkeypatch.setattr(Warehouse, "counts", miscount)
    result = execute(synced.settings, instance)
    assert result.success
    [warning] = logged(instance, result, 30)
    assert warning.startswith("plays: same_rows: 3 rows in duckdb, 2 in the lake.")
    assert SyncLog(synced.lake.uri).last().warnings == 1


RUN = """
import json, sys, time

import dagster as dg
from spotify_assets.ingest import history
from spotify_assets.settings import load_settings
from spotify_assets_tests.defs.test_sensors import execute
given = json.load(sys.stdin)

def ingest(*_):
    open(given["reads"], "x").close()
    time.sleep(600)

history.ingest = ingest
with dg.DagsterInstance.get() as instance:
    execute(load_settings(**given["settings"]), instance, tags=given["tags"])
"""


def test_nothing_is_refreshed_beside_a_run_of_sync(synced, instance):
    synced.overrides["forgotten_after_days"] = 100
    tags = {PID_TAG: this_process()}
    other = instance.create_run_for_job(
        definitions(synced.settings).resolve_job_def("sync"), status=dg.DagsterRunStatus.STARTED, tags=tags
    )
    beside = execute(synced.settings, instance, sync_jobs.refresh_and_publish)
    assert beside.success
    assert children(instance, beside) == []
    [told] = logged(instance, beside, 20)
    assert told.startswith(f"Run {other.run_id[:8]} of sync is under way")
    instance.report_run_failed(other)
    after = execute(synced.settings, instance, sync_jobs.refresh_and_publish)
    assert [job for job, _ in children(instance, after)] == ["refresh_tables", "publish_tables"]


@pytest.fixture
def stopped(synced, instance, monkeypatch):
    """A sync in a process of its own that got a signal while it read: exit code, and the runs it left, by job."""
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    synced.land("anna/c.json", HISTORY)
    places = {name: str(getattr(synced.settings, name)) for name in ("lake_uri", "landing_uri", "warehouse")}
    reads, printed = synced.root / "reads", synced.root / "printed"
    server = socket.socket(socket.AF_UNIX)
    address = f"/tmp/{os.getpid()}.sock"
    server.bind(address)  # by it is known that the run was started on this machine
    tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": address})}

    def stop(number, *, is_requested=False):
        with printed.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=output, stderr=output, text=True
            )
        process.stdin.write(json.dumps({"settings": places, "tags": tags, "reads": str(reads)}))
        process.stdin.close()
        while not reads.exists() and process.poll() is None:
            time.sleep(0.05)
        assert process.returncode is None, printed.read_text()
        runs = {run.job_name: run for run in instance.get_runs()}
        assert {run.status for run in runs.values()} == {dg.DagsterRunStatus.STARTED}
        assert isinstance(tick(sensors.stale_sensor, synced, instance), dg.SkipReason)
        assert "of sync is under way" in tick(sensors.landing_sensor, synced, instance).skip_message
        if is_requested:
            instance.report_run_canceling(runs["sync"])
        began = time.monotonic()
        process.send_signal(number)
        process.wait(PATIENCE)
        took = time.monotonic() - began
        return took, {job: instance.get_run_by_id(run.run_id).status.value for job, run in runs.items()}

    yield stop
    server.close()
    Path(address).unlink()


@pytest.mark.parametrize("is_requested", [True, False])
def test_termination_ends_the_sync_and_its_run(stopped, synced, instance, is_requested):
    took, left = stopped(signal.SIGTERM, is_requested=is_requested)
    assert took < PATIENCE / 4
    assert left == {"sync": "CANCELED" if is_requested else "FAILURE", "read_history": "FAILURE"}
    assert SyncLog(synced.lake.uri).last().outcome == STOPPED
    assert len(tick(sensors.landing_sensor, synced, instance).run_requests) == 1


def test_a_sync_that_was_killed_and_its_run_are_failed_by_the_next_tick(stopped, synced, instance):
    _, left = stopped(signal.SIGKILL)
    assert set(left.values()) == {"STARTED"}
    assert len(tick(sensors.landing_sensor, synced, instance).run_requests) == 1
    assert {run.job_name: run.status for run in instance.get_runs()} == {"sync": FAILURE, "read_history": FAILURE}
