"""Dagster's processes as one group; test_ui.py runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import click
import psutil
import pytest

from spotify_assets.cli import services as module
from spotify_assets.cli.services import (
    CODE_SERVER,
    NEXT_CODE_SERVER,
    RELOAD,
    STOP_WITH_PARENT,
    Services,
    stoppable,
    uninterrupted,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def services(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with stoppable():
        yield Services(0, tmp_path / "ui.log")


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


@pytest.mark.parametrize(("trap", "end", "is_left"), [("''", signal.SIGKILL, True), ("-", signal.SIGTERM, False)])
def test_the_group_ends_with_the_input_of_its_watcher(tmp_path, trap, end, is_left):
    """The folder is left if a process had to be killed."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    with stoppable():  # as `Services` starts it: signals that this process ignores, its children would ignore, too
        group = subprocess.Popen(
            ["sh", "-c", f"trap {trap} TERM; echo; sleep 60"], process_group=0, stdout=subprocess.PIPE
        )
    assert group.stdout
    group.stdout.readline()
    watcher = subprocess.Popen(
        ["sh", "-c", STOP_WITH_PARENT.replace("-lt 15", "-lt 2"), "sh", str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert watcher.stdin
    watcher.stdin.write(f"{group.pid}\n".encode())
    watcher.stdin.close()
    assert group.wait() == -end
    watcher.wait()
    assert folder.exists() == is_left


def test_the_watcher_removes_the_folder_of_a_ui_that_is_killed_before_its_services_start(services):
    assert services._folder.exists()
    services._watcher.communicate()
    assert not services._folder.exists()


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


def test_reload_starts_another_code_server_before_the_former_one_ends(services, monkeypatch):
    has_runs = [True]
    monkeypatch.setattr(module, "_has_runs", lambda pid: has_runs[0])
    monkeypatch.setattr(services, "_listens", lambda: False)
    services._start("daemon", "http.server", "0")
    services._start(CODE_SERVER, "http.server", "0")
    first = services._running[CODE_SERVER]
    os.write(services._writing, f"WARNING - {RELOAD} ...\n".encode())
    assert services._reload_wanted.wait(10)
    services.reload_if_wanted()
    assert NEXT_CODE_SERVER not in services._running  # a run is under way
    has_runs[0] = False
    services.reload_if_wanted()
    second = services._running[NEXT_CODE_SERVER]
    services.reload_if_wanted()
    assert first.poll() is None  # the second one doesn't listen
    monkeypatch.setattr(services, "_listens", lambda: True)
    has_runs[0] = True
    services.reload_if_wanted()
    assert first.poll() is None  # a run has started meanwhile
    has_runs[0] = False
    services.reload_if_wanted()
    first.wait()
    services.check()
    assert services._running[CODE_SERVER] is second
    assert NEXT_CODE_SERVER not in services._running
    assert services._socket.readlink().name == services._newest_socket.name
    services.stop()


def test_a_socket_is_in_tmp_if_the_temporary_folder_has_a_long_path(tmp_path, monkeypatch):
    for name in ("short", "x" * 100):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / name))
        folder = module._folder_of_sockets()
        with closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(str(folder / "1"))
        (folder / "1").unlink()
        folder.rmdir()
        assert not list((tmp_path / name).iterdir())


SERVER = """
import multiprocessing, sys, time
run = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
print(flush=True)
sys.stdin.readline()
run.start()
print(flush=True)
sys.stdin.readline()
run.kill()
"""


def test_runs_are_found_among_the_children_of_the_code_server():
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdout.readline()
        assert not module._has_runs(server.pid)
        server.stdin.write("start\n")
        server.stdin.flush()
        server.stdout.readline()
        assert module._has_runs(server.pid)
