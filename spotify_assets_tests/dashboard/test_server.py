"""`spotify-assets dashboard`, as a script starts it: where it listens, what it says, how it ends."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from spotify_assets.sandbox.ports import free_port
from spotify_assets_tests.dashboard.warehouses import FULL, write_warehouse

LOADED = (
    "import sys, spotify_assets.cli.commands; print(*{'altair', 'starlette', 'vl_convert', 'jinja2'} & {*sys.modules})"
)


def test_other_commands_load_nothing_of_it():
    assert subprocess.check_output([sys.executable, "-c", LOADED], text=True).strip() == ""


def test_the_server_starts_without_what_only_answers_need():
    # Each of them takes as long as all the rest.
    heavy = ("altair", "pandas", "pyarrow", "sqlalchemy", "vl_convert")
    code = f"import sys, spotify_assets.dashboard.server; print(*[one for one in {heavy} if one in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


@pytest.fixture
def started(tmp_path):
    """Start the command in a folder with a warehouse: its process, port and output."""
    (tmp_path / "data").mkdir()
    write_warehouse(tmp_path / "data/warehouse.duckdb", FULL)
    processes = []

    def start(*options: str, port: int | None = None) -> tuple[subprocess.Popen, int, str]:
        port = port or free_port()
        command = [sys.executable, "-m", "spotify_assets", "dashboard", "--no-open", "--port", str(port), *options]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes.append(process)
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line or "Error" in line:
                break
        return process, port, said

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_ends_it(started, number):
    process, port, said = started()
    assert said == f"The dashboard is at http://localhost:{port}; Ctrl-C stops it.\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        assert b"Overview" in answer.read()
    process.send_signal(number)
    began = time.monotonic()
    assert process.wait(20) in (0, 130, 143)
    assert time.monotonic() - began < 10
    assert "Traceback" not in process.stdout.read()


@pytest.mark.integration
def test_another_address_is_warned_of_and_answered(started):
    _, port, said = started("--host", "0.0.0.0")
    assert "no access control" in said
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": f"music.example:{port}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.mark.integration
def test_on_loopback_another_name_is_refused(started):
    _, port, _ = started()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "music.example"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(request)


@pytest.mark.integration
def test_a_port_in_use_is_one_line(started):
    _, port, _ = started()
    second, _, said = started(port=port)
    assert f"127.0.0.1:{port} can't be listened on" in said
    assert f"--port {port + 1}" in said
    assert second.wait(20) == 1
