"""What sensors find, without Dagster; ticks are in test_sensors.py."""

import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from spotify_assets.defs.findings import find_digest, find_lacking, find_landed, find_runs
from spotify_assets.targets import publishing
from spotify_assets_tests.conftest import extended

pytestmark = pytest.mark.integration


def test_dagster_is_not_imported():
    code = (
        "import sys, spotify_assets.defs.findings; print({'dagster', 'pyspark', 'pyarrow', 'duckdb'} & {*sys.modules})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_a_new_file_is_news_once_it_is_old_enough(synced):
    assert not find_landed(synced.settings, None).is_news
    path = synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")], landed_at=datetime.now(UTC))
    before = datetime.fromtimestamp(os.stat(synced.root / "landing/history/anna/c.json").st_mtime - 1, UTC)
    waiting = find_landed(synced.settings, before)
    assert (path, waiting.is_news, waiting.is_unsettled) == (path, False, True)
    found = find_landed(synced.settings, datetime.now(UTC))
    assert (found.is_news, found.is_unsettled, found.summary) == (True, False, "1 new")


def test_what_is_found_can_be_pickled_as_can_settings(synced):
    for found in (
        synced.settings,
        find_landed(synced.settings, None),
        find_runs(synced.settings),
        find_digest(synced.settings),
        find_lacking(synced.settings, ["duckdb"]),
    ):
        assert pickle.loads(pickle.dumps(found)) == found


def test_nothing_is_to_compute_after_a_sync_and_everything_to_publish(synced):
    assert not find_runs(synced.settings).runs
    digest = find_digest(synced.settings).digest
    assert digest == publishing.lake_digest(synced.lake)
    assert find_digest(synced.settings, only_if=[digest]).digest == digest
    assert "fct_plays" in find_lacking(synced.settings, ["duckdb"])["duckdb"].tables
