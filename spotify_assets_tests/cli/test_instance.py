"""Runs of the persistent instance whose process died."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from spotify_assets.cli.instance import instance
from spotify_assets.defs.liveness import PID_TAG

pytestmark = pytest.mark.integration


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_run_whose_process_is_gone_is_failed(home):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()
    tags = {
        "dead": f"{host}:{gone.pid}",
        "alive": f"{host}:{os.getpid()}",
        "elsewhere": f"another-host:{gone.pid}",
        "again": f"{host}:{gone.pid}",
    }
    with instance() as opened:
        runs = {
            name: create_run_for_test(
                opened,
                job_name="a_job",
                tags={PID_TAG: tag},
                status=dg.DagsterRunStatus.STARTED,
                # As the UI executes a run again, with the tags that it had.
                parent_run_id="a_run" if name == "again" else None,
                root_run_id="a_run" if name == "again" else None,
            ).run_id
            for name, tag in tags.items()
        }
    with instance() as opened:
        status = {name: opened.get_run_by_id(run).status.value for name, run in runs.items()}
    assert status == {"dead": "FAILURE", "alive": "STARTED", "elsewhere": "STARTED", "again": "STARTED"}


def test_a_locked_database_is_one_line_once_it_was_waited_for(home, monkeypatch):
    monkeypatch.setattr("spotify_assets.defs.event_log.BUSY_TIMEOUT_SECONDS", 0)
    with instance() as opened, sqlite3.connect(home / "history/runs.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(click.ClickException, match=r"a database in .* stays locked"), instance() as again:
            create_run_for_test(again)
        other.rollback()
        create_run_for_test(opened)


@pytest.mark.parametrize(("clock_step", "status"), [(-86_400, "FAILURE"), (60, "STARTED")])
def test_a_process_that_was_given_the_number_of_the_runs_is_not_the_runs(home, monkeypatch, clock_step, status):
    """The process of the tests began before the run, and so is the run's, unless it had to begin a day earlier."""
    monkeypatch.setattr("spotify_assets.processes.CLOCK_STEP", clock_step)
    with instance() as opened:
        run = create_run_for_test(opened, job_name="a_job", tags={PID_TAG: f"{socket.gethostname()}:{os.getpid()}"})
        start = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, "a_job")
        opened.report_dagster_event(start, run.run_id)
    with instance() as opened:
        assert opened.get_run_by_id(run.run_id).status.value == status
