import json
import re
import subprocess
import sys
import tomllib
from uuid import uuid4

import pytest
import yaml

from spotify_assets.cli.documentation import ROOT

KNOW_DAGSTER = {"__main__", "cli", "dagster_storage", "definitions", "defs"}


def found_secrets(text, tmp_path):
    """What the hook of pre-commit finds in a file with this text."""
    file = tmp_path / "settings.py"
    file.write_text(text)
    hook = [sys.executable, "-m", "detect_secrets.pre_commit_hook", "--baseline", str(ROOT / ".secrets.baseline")]
    done = subprocess.run([*hook, str(file)], capture_output=True, text=True, check=False, cwd=ROOT)
    return re.findall(r"Secret Type: +(.*)", done.stdout)


def test_a_credential_is_not_committed(tmp_path):
    value = uuid4().hex
    assert found_secrets(f'client_secret = "{value}"\n', tmp_path)
    assert found_secrets(f"url = 'mysql://me:{value}@db.example.com/music'\n", tmp_path)
    assert not found_secrets('client_secret = "a-secret"\n', tmp_path)


@pytest.mark.parametrize("form", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")), ids=lambda form: form.stem)
def test_forms_ask_for_no_history(form):
    content = yaml.safe_load(form.read_text())
    if form.stem != "config":
        assert content["name"]
        assert content["description"]
        ids = [field["id"] for field in content["body"] if field["type"] != "markdown"]
        assert len(ids) == len(set(ids))
    if form.stem in ("bug", "unread_file"):
        assert re.search(r"no (listening history|export)", content["body"][0]["attributes"]["value"])


def test_the_dev_container_sets_up_the_oldest_python():
    text = re.sub(r"^\s*//.*$", "", (ROOT / ".devcontainer/devcontainer.json").read_text(), flags=re.MULTILINE)
    container = json.loads(text)
    assert ":3.11-" in container["image"]
    assert container["postCreateCommand"].endswith("make setup")


def test_all_machinery_is_held_to_be_free_of_dagster():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers, _, without_dagster, _ = contracts
    machinery = {name for layer in layers["layers"] for name in layer.split(" | ")} - KNOW_DAGSTER
    assert {name.removeprefix("spotify_assets.") for name in without_dagster["source_modules"]} == machinery
