"""`make spark-cluster`: it starts, says where it is, and stops, whatever happens."""

import os
import re
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from spotify_assets_tests.spark.processes import left_in, running_in, wait_until_running

TASKS = 16
COUNT = """
import sys
from spotify_assets.engine.session import spark_session
session = spark_session(sys.argv[1])
session.range(0, 16_000_000, 1, int(sys.argv[2])).selectExpr("max(xxhash64(id))").collect()
"""


def get(address: str) -> Any:
    """What the Spark UI's REST API says there."""
    answer = requests.get(address, timeout=30)
    answer.raise_for_status()
    return answer.json()


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


def test_tasks_of_one_job_run_on_both_workers(cluster):
    """As the Spark UI tells it; all hosts are 127.0.0.1, so workers are known by the address of their logs."""
    subprocess.run([sys.executable, "-c", COUNT, cluster.remote, str(TASKS)], check=True)
    api = f"{cluster.ui}/api/v1/applications"
    application = f"{api}/{get(api)[0]['id']}"
    executors = get(f"{application}/executors")
    workers = {one["id"]: urlsplit(one["executorLogs"].get("stdout", "")).netloc for one in executors}
    jobs = [job for job in get(f"{application}/jobs?status=succeeded") if job["numCompletedTasks"] == TASKS]
    latest = max(jobs, key=lambda job: job["jobId"])
    ran_on = {
        workers[task["executorId"]]
        for stage in latest["stageIds"]
        for task in get(f"{application}/stages/{stage}/0/taskList?length=100")
    }
    assert len(ran_on) == cluster.workers == 2
