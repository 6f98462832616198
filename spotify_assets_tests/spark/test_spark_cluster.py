"""`make spark-cluster`: it starts, says where it is, and stops, whatever happens."""

import os
import re
import signal
import subprocess
import sys

import pytest

from spotify_assets_tests.spark.processes import left_in, running_in, wait_until_running


@pytest.fixture
def started(tmp_path, temporary):
    """`make spark-cluster` as a process, with its logs in `logs`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "spotify_assets.sandbox.spark_cluster"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def test_it_ends_when_a_part_of_it_dies(started, temporary, tmp_path):
    assert started.stdout is not None
    assert re.fullmatch(r"SPOTIFY_ASSETS_SPARK_REMOTE=sc://127[.]0[.]0[.]1:\d+\n", started.stdout.readline())
    assert "http://127.0.0.1:" in started.stdout.readline()
    assert len(running_in(temporary, "CoarseGrainedExecutorBackend")) == 2
    os.kill(wait_until_running(temporary, "worker.Worker"), signal.SIGKILL)
    output, _ = started.communicate(timeout=60)
    log = f"{tmp_path}/data/spark/logs/worker_[12].log"
    assert re.fullmatch(f"Error: Apache Spark's worker [12] has ended, see {log}\n", output)
    assert started.returncode == 1
    assert left_in(temporary) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_starts(started, temporary, number):
    wait_until_running(temporary, "worker.Worker")
    started.send_signal(number)
    output, _ = started.communicate(timeout=60)
    assert (output, started.returncode) == ("Stopped.\n", 0)
    assert left_in(temporary) == ([], [])
