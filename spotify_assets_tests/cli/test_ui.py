"""`spotify-assets ui`, as a script starts it in the background; and its lines of runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import dagster as dg
import psutil
import pytest

from spotify_assets.defs.sync_jobs import SYNC_TAG
from spotify_assets.sandbox.ports import free_port
from spotify_assets_tests.conftest import extended

pytestmark = pytest.mark.integration

# It takes some 20 s; the bound leaves room for a busy machine.
PATIENCE = 240
LAUNCH = """
mutation ($job: String!) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "spotify_assets", jobName: $job}
  }) { __typename }
}
"""


RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "spotify_assets") { __typename } }
"""
RUNS = """{
  runsOrError { ... on Runs { results { runId jobName status tags { key value } } } }
}
"""
TERMINATE = """
mutation ($run: String!) { terminateRun(runId: $run) { __typename } }
"""
SCHEDULES = """{
  repositoryOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "spotify_assets"}) {
    ... on Repository { schedules { name } }
  }
}"""


def graphql(port: int, query: str, **variables: str):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)["data"]


def wait_for(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


@pytest.fixture
def script(tmp_path):
    """Start the UI as a shell script does in the background, where SIGINT is ignored: its process and output."""
    output = tmp_path / "output.txt"
    # In a checkout there is a dagster.yaml in the current folder, and DAGSTER_HOME elsewhere.
    (tmp_path / "dagster.yaml").write_text("")
    started: list[psutil.Process] = []

    def start(port: int) -> psutil.Process:
        shell = f"exec {sys.executable} -m spotify_assets ui --port {port} > {output} 2>&1 & echo $!"
        environment = os.environ | {"DAGSTER_HOME": str(tmp_path / "home")}
        pid = subprocess.check_output(["sh", "-c", shell], cwd=tmp_path, env=environment, text=True)
        started.append(psutil.Process(int(pid)))
        return started[0]

    yield start, output
    for process in started:
        if process.is_running():
            for child in [process, *process.children(recursive=True)]:
                child.kill()


def test_it_serves_tells_runs_and_ends_with_all_that_it_started(script):
    start, output = script
    port = free_port()
    process = start(port)
    wait_for(lambda: "http://" in output.read_text(), "the address")

    there = graphql(port, "{ version repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
    assert there == {"version": dg.__version__, "repositoriesOrError": {"nodes": [{"name": "__repository__"}]}}
    assert graphql(port, LAUNCH, job="maintain_tables") == {"launchRun": {"__typename": "LaunchRunSuccess"}}
    wait_for(lambda: "maintain_tables" in output.read_text(), "the line of the run")

    children = process.children(recursive=True)
    # The run's process may be a zombie for a second, which has no command line.
    names = " ".join(" ".join(child.cmdline()) for child in process.children())
    assert all(service in names for service in ("dagster_webserver", "cli.daemon", "api grpc"))
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end")
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []

    address, dashboard, run, *runs, stopped = output.read_text().splitlines()
    assert address == f"Dagster's UI is at http://localhost:{port}; Ctrl-C stops it."
    assert dashboard == "Your listening as pages: spotify-assets dashboard"
    assert re.fullmatch(r"\d\d:\d\d:\d\d maintain_tables: succeeded after \d+ s", run)
    # What a sensor started meanwhile.
    assert all(re.match(r"\d\d:\d\d:\d\d (sync|read_history|refresh_tables|publish_tables)\b", line) for line in runs)
    assert stopped == "Stopped."


def test_a_sync_of_landed_files_and_the_run_that_it_is_at_are_terminated_together(script, tmp_path):
    start, output = script
    port = free_port()
    process = start(port)
    wait_for(lambda: "http://" in output.read_text(), "the address")
    # A file of a poll need not be some seconds old.
    folder = tmp_path / "data/landing/history/anna/recent/2024-05"
    folder.mkdir(parents=True)
    (folder / "20240531T133700000Z.json").write_text(json.dumps([extended("2024-05-31T13:37:00Z")]))

    def runs():
        return {run["jobName"]: run for run in graphql(port, RUNS)["runsOrError"]["results"]}

    wait_for(lambda: runs().get("refresh_tables", {}).get("status") == "STARTED", "the sync's second run")
    sync = runs()["sync"]["runId"]
    assert {"key": SYNC_TAG, "value": sync} in runs()["refresh_tables"]["tags"]
    assert graphql(port, TERMINATE, run=sync) == {"terminateRun": {"__typename": "TerminateRunSuccess"}}
    wait_for(lambda: "sync: canceled" in output.read_text(), "the line of the sync")
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end")
    assert re.search(r"read_history .*: succeeded", output.read_text())
    assert re.search(r"refresh_tables .*: failed after \d+ s: .*its process was stopped", output.read_text())


@pytest.mark.parametrize("amid", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_stops_while_it_starts(script, number, amid):
    """With more than so many processes: the first one is the watcher."""
    start, output = script
    process = start(free_port())
    children = wait_for(lambda: (found := process.children(recursive=True))[amid:] and found, "a service")
    process.send_signal(number)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end")
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert output.read_text() == "Stopped.\n"


def test_what_it_started_ends_when_it_is_killed(script):
    start, output = script
    process = start(free_port())
    wait_for(lambda: "http://" in output.read_text(), "the address")
    children = process.children(recursive=True)
    process.kill()
    wait_for(
        lambda: all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in children),
        "the end of its children",
    )


@pytest.mark.parametrize(
    ("part", "name"),
    [("grpc", "code server"), ("dagster_webserver", "web server"), ("spotify_assets.cli.daemon", "daemon")],
)
def test_it_ends_when_a_process_of_dagster_was_killed(script, part, name):
    """The others would go on without it: its pages stay, for one, and no sensor starts anything."""
    start, output = script
    process = start(free_port())
    wait_for(lambda: "http://" in output.read_text(), "the address")
    children = process.children()
    [killed] = [child for child in children if part in child.cmdline()]
    home = killed.environ()["DAGSTER_HOME"]
    killed.kill()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end")
    assert output.read_text().splitlines()[-1] == (
        f"Error: Dagster's {name} ended, maybe for lack of memory (more in {home}/ui.log); start the UI again"
    )
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def test_reload_in_the_ui_reads_settings_anew(script, tmp_path):
    start, output = script
    port = free_port()
    process = start(port)
    wait_for(lambda: "http://" in output.read_text(), "the address")

    def schedules():
        return len(graphql(port, SCHEDULES)["repositoryOrError"].get("schedules", ()))

    assert schedules() == 1
    (tmp_path / ".env").write_text("SPOTIFY_ASSETS_CLIENT_ID=id\nSPOTIFY_ASSETS_CLIENT_SECRET=secret\n")
    assert graphql(port, RELOAD) == {"reloadRepositoryLocation": {"__typename": "WorkspaceLocationEntry"}}
    wait_for(lambda: schedules() == 4, "the schedules of the Web API")
    assert graphql(port, LAUNCH, job="maintain_tables") == {"launchRun": {"__typename": "LaunchRunSuccess"}}
    wait_for(lambda: "maintain_tables: succeeded" in output.read_text(), "the line of a run")
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end")


def test_its_own_process_imports_no_dagster():
    code = "import sys, spotify_assets.cli.ui, spotify_assets.cli.home; print('dagster' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "spotify_assets", "ui", "--port", str(port)],
            cwd=tmp_path,
            env=os.environ | {"DAGSTER_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout + done.stderr == (
        f"Error: port {port} is in use; choose another: spotify-assets ui --port {port + 1}\n"
    )
