"""The package as others install it: what belongs in the wheel is in it, and it works from any folder."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import spotify_assets

pytestmark = pytest.mark.integration

CHECKOUT = Path(spotify_assets.__file__).parents[1]
# Runs commands, given as JSON, in one process, as each imports everything: the last by the script's entry point, which
# ends the process.
COMMANDS = """
import json, sys
from importlib.metadata import entry_points
from spotify_assets.cli.commands import run
[main] = entry_points(name="spotify-assets")
*others, last = json.loads(sys.argv[1])
for arguments in others:
    sys.argv = ["spotify-assets", *arguments]
    assert run(debug=False) == 0
    print("-- end of a command", flush=True)
sys.argv = ["spotify-assets", *last]
main.load()()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    built = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(CHECKOUT)],
        check=True,
        capture_output=True,
    )
    [found] = built.glob("*.whl")
    return found


@pytest.fixture
def installed(wheel, tmp_path):
    """Run Python where the wheel is installed, in a folder elsewhere.

    The environment sees the packages of the tests' own, but not the editable install of the checkout: a path that
    is named in a .pth file has its own .pth files left alone.
    """
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    [packages] = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    others = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "others.pth").write_text("\n".join(others))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def python(*arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [environment / "bin/python", *arguments],
            cwd=elsewhere,
            env={name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "PYTHONPATH")}
            | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return python, packages, elsewhere


def test_the_wheel_holds_what_the_package_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (CHECKOUT / "spotify_assets").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(CHECKOUT).as_posix() for path in files} <= names
    assert {"spotify_assets/dagster.yaml", "spotify_assets/workspace.yaml", "spotify_assets/py.typed"} <= names
    assert not any(name.startswith(("spotify_assets_tests/", "benchmarks/")) for name in names)


def test_the_demo_runs_from_the_wheel(installed):
    python, packages, elsewhere = installed
    assert python("-c", "import spotify_assets; print(spotify_assets.__file__)").strip().startswith(str(packages))
    # One of the questions, whose SQL is a file of the package: a row for each of the three listeners.
    query = ["query", "SELECT count(*) AS n FROM total_plays", "--format", "csv"]
    commands = [["demo", "--plays", "1000"], ["status"], query]
    # The last months of the sample's six years: each month of each table is an event of Dagster.
    output = python("-c", COMMANDS, json.dumps(commands), SPOTIFY_ASSETS_PLAYS_START="2024-07-01")
    shown, status, counted = output.split("-- end of a command")
    assert "spotify-assets ui" in shown
    assert "make " not in output
    assert "Every table is up to date." in status
    assert counted.split()[:2] == ["n", "3"]
    home = elsewhere / "data/dagster"
    assert (home / "dagster.yaml").read_text() == (CHECKOUT / "dagster.yaml").read_text()
    assert (home / "history/runs/index.db").exists()
