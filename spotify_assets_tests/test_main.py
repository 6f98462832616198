"""The entry point, while the command's modules are loaded."""

import subprocess
import sys

import pytest

# A stand-in for the command's modules, in the place where they are loaded.
LOADING = """
import signal, sys, types
loading = types.ModuleType("loading")
loading.__getattr__ = lambda name: signal.raise_signal({number})
sys.modules["spotify_assets.cli.commands"] = loading
from spotify_assets.__main__ import main
main()
"""


@pytest.mark.parametrize(("number", "code", "by"), [(2, 130, "Ctrl-C"), (15, 143, "SIGTERM")])
def test_a_signal_while_modules_load_is_one_line(number, code, by):
    ended = subprocess.run(
        [sys.executable, "-c", LOADING.format(number=number)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr == f"Stopped by {by}, before anything was done.\n"
