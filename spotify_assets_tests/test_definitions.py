import subprocess
import sys

from spotify_assets.definitions import defs
from spotify_assets.model import TABLES


def test_dagster_finds_every_table():
    found = {key.path[-1] for key in defs.resolve_asset_graph().get_all_asset_keys() if len(key.path) == 1}
    assert {*TABLES} <= found


def test_a_command_builds_no_definitions_but_its_own():
    loaded = "import sys, spotify_assets.defs.definitions; print('spotify_assets.definitions' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "False\n"
