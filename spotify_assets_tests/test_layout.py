"""Tests mirror the package: who looks for the tests of a module finds them by its name."""

from pathlib import Path

import pytest

import spotify_assets

# Modules without a test file of their name, and where they are tested.
ELSEWHERE = {"syntax.py": "test_source_code.py, as source code is compared by what syntax.py finds in it"}
PACKAGE, TESTS = Path(spotify_assets.__file__).parent, Path(__file__).parent


@pytest.mark.parametrize("folder", ["cli", "lake", "landing", "refresh", "targets"])
def test_every_module_has_a_test_file_of_its_name(folder):
    modules = {path.name for path in (PACKAGE / folder).glob("*.py")} - {"__init__.py"}
    tests = {path.name.removeprefix("test_") for path in (TESTS / folder).glob("test_*.py")}
    assert modules - tests - ELSEWHERE.keys() == set()
