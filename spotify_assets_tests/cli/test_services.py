"""Dagster's processes as one group; test_ui.py runs them."""

import multiprocessing
import os
import signal
import subprocess
import time

import click
import psutil
import pytest

from spotify_assets.cli import services as module
from spotify_assets.cli.services import CODE_SERVER, RELOAD, STOP_WITH_PARENT, Services, stoppable, uninterrupted

pytestmark = pytest.mark.integration


@pytest.fixture
def services(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with stoppable():
        made = Services(0, tmp_path / "ui.log")
        made._watch()
        yield made


def test_a_process_that_ends_is_told_by_its_last_line(services, tmp_path):
    services._start("daemon", "this_module_is_missing")
    services._running["daemon"].wait()
    with pytest.raises(click.ClickException, match=r"^Dagster's daemon ended: .*No module named this_module_is_mis"):
        services.check()
    services.stop()
    assert "this_module_is_missing" in (tmp_path / "ui.log").read_text()


def test_all_are_in_one_group_that_is_stopped(services):
    for name in ("one", "two"):
        services._start(name, "http.server", "0")
    started = [process.pid for process in services._running.values()]
    assert {os.getpgid(pid) for pid in started} == {started[0]}
    services.stop()
    assert not any(map(psutil.pid_exists, started))


def test_the_group_ends_with_the_input_of_its_watcher():
    group = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60"], process_group=0)
    watcher = subprocess.Popen(
        ["sh", "-c", STOP_WITH_PARENT.replace("-lt 15", "-lt 1")], stdin=subprocess.PIPE, start_new_session=True
    )
    watcher.communicate(f"{group.pid}\n".encode())
    assert group.wait() == -signal.SIGKILL


def test_a_signal_waits_until_a_start_is_noted():
    noted = []

    def start():
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
            noted.append("started")

    with stoppable(), pytest.raises(KeyboardInterrupt):
        start()
    assert noted == ["started"]


def test_reload_replaces_the_code_server_once_no_run_is_under_way(services, monkeypatch):
    has_runs = [True]
    monkeypatch.setattr(module, "_has_runs", lambda pid: has_runs[0])
    monkeypatch.setattr(services, "_start_code_server", lambda: services._start(CODE_SERVER, "http.server", "0"))
    services._start("daemon", "http.server", "0")
    services._start_code_server()
    first = services._running[CODE_SERVER]
    os.write(services._writing, f"WARNING - {RELOAD} ...\n".encode())
    assert services._reload_wanted.wait(10)
    services.reload_if_wanted()
    time.sleep(0.5)
    assert first.poll() is None
    has_runs[0] = False
    services.reload_if_wanted()
    first.wait()
    services.check()
    assert services._running[CODE_SERVER].pid != first.pid
    services.stop()


def test_runs_are_found_among_the_children_of_the_code_server():
    run = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    assert not module._has_runs(os.getpid())
    run.start()
    try:
        assert module._has_runs(os.getpid())
    finally:
        run.kill()
        run.join()
