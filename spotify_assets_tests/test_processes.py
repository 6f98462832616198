import os
import shutil
import socket
import subprocess
import sys
import time

import psutil
import pytest

from spotify_assets import processes
from spotify_assets.processes import is_alive, start_mark, this_process

HERE = socket.gethostname()


def test_a_process_of_this_machine_is_alive_until_it_ends():
    assert is_alive(f"{HERE}:{os.getpid()}", time.time())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    while gone.poll() is None and is_alive(f"{HERE}:{gone.pid}", None):
        time.sleep(0.01)
    assert is_alive(f"{HERE}:{gone.pid}", None) is False
    gone.wait()


def test_another_process_of_the_same_id_is_not_it(monkeypatch):
    monkeypatch.setattr(processes, "CLOCK_STEP", -86_400)
    assert is_alive(f"{HERE}:{os.getpid()}", time.time()) is False


@pytest.fixture
def clock_set_ahead(monkeypatch):
    """Psutil computes start times from the current clock: after it was set ahead, processes seem to be younger."""
    started = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: started(process) + 86_400)


@pytest.mark.skipif(not start_mark(os.getpid()), reason="the system doesn't tell when a process started")
class TestOfAKnownStart:
    def test_a_process_is_alive_whatever_the_clock_says(self, clock_set_ahead):
        assert is_alive(this_process(), time.time()) is True
        assert is_alive(f"{HERE}:{os.getpid()}", time.time()) is False

    def test_another_process_of_the_same_id_is_not_it(self):
        host, pid, start = this_process().split(":")
        boot, _, ticks = start.partition("-")
        assert is_alive(f"{host}:{pid}:{boot}-{int(ticks) - 1}", time.time()) is False
        assert is_alive(f"{host}:{pid}:00000000-{ticks}", time.time()) is False

    def test_a_process_that_has_ended_has_no_start(self):
        gone = subprocess.Popen([sys.executable, "-c", ""])
        started = start_mark(gone.pid)
        gone.wait()
        assert started
        assert start_mark(gone.pid) == ""
        assert is_alive(f"{HERE}:{gone.pid}:{started}", time.time()) is False

    def test_a_name_with_brackets_hides_no_start(self, tmp_path):
        program = tmp_path / "a ) b"
        shutil.copy(shutil.which("sleep"), program)
        running = subprocess.Popen([program, "60"])
        try:
            seconds = int(start_mark(running.pid).rpartition("-")[2]) / os.sysconf("SC_CLK_TCK")
            assert psutil.boot_time() + seconds == pytest.approx(psutil.Process(running.pid).create_time(), abs=1)
        finally:
            running.kill()
            running.wait()


@pytest.mark.parametrize("process", ["", "another-host:1", f"{HERE}:", f"{HERE}:x"])
def test_of_other_machines_nothing_is_known(process):
    assert is_alive(process, None) is None
