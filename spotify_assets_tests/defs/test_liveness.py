"""Runs of several ages, whose processes live or not."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from spotify_assets.defs import liveness
from spotify_assets.defs.liveness import PID_TAG, fail_dead_runs, run_is_under_way
from spotify_assets.processes import this_process

FAILURE = dg.DagsterRunStatus.FAILURE


@pytest.fixture
def gone() -> int:
    """The id that a process had."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def later(monkeypatch):
    """Let minutes pass."""

    def wait(minutes):
        class Later(datetime):
            @classmethod
            def now(cls, zone=None):
                return datetime.now(zone) + timedelta(minutes=minutes)

        monkeypatch.setattr(liveness, "datetime", Later)

    return wait


def started(instance, pid=None, **tags):
    """A run that has started; the daemon's says in an event which process it is in."""
    run = create_run_for_test(instance, job_name="a_job", tags=tags, status=dg.DagsterRunStatus.STARTED)
    if pid is not None:
        instance.report_engine_event("Started process for run", run, EngineEventData.in_process(pid))
    return run


def is_under_way(instance, run):
    [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    return run_is_under_way(instance, record)


def test_a_run_of_a_command_is_under_way_as_long_as_its_process_lives(instance, gone, later):
    host = socket.gethostname()
    alive = started(instance, **{PID_TAG: f"{host}:{os.getpid()}"})
    dead = started(instance, **{PID_TAG: f"{host}:{gone}"})
    assert not is_under_way(instance, dead)
    later(600)
    assert is_under_way(instance, alive)


def test_a_run_of_the_daemon_is_under_way_as_long_as_its_process_lives(instance, gone, later):
    alive, dead = started(instance, os.getpid()), started(instance, gone)
    later(600)
    assert is_under_way(instance, alive)
    assert not is_under_way(instance, dead)


def test_a_run_is_under_way_though_the_clock_was_set_ahead_meanwhile(instance, monkeypatch):
    """Psutil computes start times from the current clock: processes seem to have started after their runs."""
    process, before = this_process(), psutil.Process.create_time
    of_command, of_daemon = started(instance, **{PID_TAG: process}), started(instance, os.getpid())
    instance.report_engine_event("Executing", of_daemon, EngineEventData({"pid": str(os.getpid()), PID_TAG: process}))
    monkeypatch.setattr(psutil.Process, "create_time", lambda found: before(found) + 3600)
    assert is_under_way(instance, of_command)
    assert is_under_way(instance, of_daemon)
    fail_dead_runs(instance)
    assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.STARTED}


# The last is of a clock that was set back meanwhile.
@pytest.mark.parametrize(("minutes", "expected"), [(59, True), (61, False), (-61, False)])
def test_a_run_elsewhere_is_dead_after_an_hour_without_an_event(instance, later, minutes, expected):
    run = started(instance, **{PID_TAG: "another-host:1"})
    later(minutes)
    assert is_under_way(instance, run) == expected


def test_an_event_keeps_a_run_elsewhere_alive(instance, monkeypatch):
    run = started(instance)
    instance.report_engine_event("still here", run)
    [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    silent = record._replace(update_timestamp=record.update_timestamp - timedelta(hours=5))
    assert run_is_under_way(instance, silent)


@pytest.fixture
def code_server():
    """The socket of a code server that was killed."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")  # a path of a socket is 107 characters at most
        yield f"{folder}/s"


def test_a_run_of_a_process_that_is_gone_is_failed_whoever_started_it(instance, gone, code_server):
    """After a loss of power, Dagster's code server knows of none from before; three would block all others."""
    here, container = ({"host": "localhost", "socket": path} for path in (code_server, f"{code_server}2"))
    here, container, elsewhere = map(json.dumps, (here, container, {"host": "a-server"}))
    runs = {
        "of a command": started(instance, **{PID_TAG: f"{socket.gethostname()}:{gone}"}),
        "of the daemon": started(instance, gone, **{GRPC_INFO_TAG: here}),
        "alive": started(instance, os.getpid(), **{GRPC_INFO_TAG: here}),
        "says nothing": started(instance, **{GRPC_INFO_TAG: here}),
        "in a container": started(instance, gone, **{GRPC_INFO_TAG: container}),
        "elsewhere": started(instance, gone, **{GRPC_INFO_TAG: elsewhere}),
    }
    fail_dead_runs(instance)
    failed = [name for name, run in runs.items() if instance.get_run_by_id(run.run_id).status is FAILURE]
    assert failed == ["of a command", "of the daemon"]


def test_a_run_from_before_the_machine_was_off_is_failed_though_temporary_files_are_gone(instance, gone, monkeypatch):
    run = started(instance, gone, **{GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/nowhere"})})
    fail_dead_runs(instance)
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
    monkeypatch.setattr("psutil.boot_time", lambda: time.time() + 60)
    fail_dead_runs(instance)
    assert instance.get_run_by_id(run.run_id).status is FAILURE
