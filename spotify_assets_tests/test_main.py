"""The entry point, while the command's modules are loaded."""

import subprocess
import sys

import pytest

from spotify_assets import garbage

# A stand-in for the command's modules, in the place where they are loaded.
LOADING = """
import gc, signal, sys, types
loading = types.ModuleType("loading")
{does}
sys.modules["spotify_assets.cli.commands"] = loading
from spotify_assets.__main__ import main
main()
"""


def run(does):
    """The entry point, after this statement about `loading`."""
    return subprocess.run(
        [sys.executable, "-c", LOADING.format(does=does)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(("number", "code", "by"), [(2, 130, "Ctrl-C"), (15, 143, "SIGTERM")])
def test_a_signal_while_modules_load_is_one_line(number, code, by):
    ended = run(f"loading.__getattr__ = lambda name: signal.raise_signal({number})")
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr == f"Stopped by {by}, before anything was done.\n"


def test_python_looks_for_unused_objects_less_often():
    assert run("loading.main = lambda: print(gc.get_threshold()[0])").stdout == f"{garbage.THRESHOLD}\n"
