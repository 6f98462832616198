import os
import socket
import subprocess
import sys
import time

import pytest

from spotify_assets import processes
from spotify_assets.processes import is_alive

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


@pytest.mark.parametrize("process", ["", "another-host:1", f"{HERE}:", f"{HERE}:x"])
def test_of_other_machines_nothing_is_known(process):
    assert is_alive(process, None) is None
