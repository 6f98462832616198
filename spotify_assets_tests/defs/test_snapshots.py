"""What Dagster shows: assets, checks, jobs, schedules, sensors, as they were when somebody last looked at them.

After a change that you meant, renew the files and read their diff:
UPDATE_SNAPSHOTS=1 .venv/bin/pytest -n 0 spotify_assets_tests/defs/test_snapshots.py
"""

import os
from pathlib import Path

import pytest
import yaml

from spotify_assets.definitions import definitions
from spotify_assets.settings import load_settings
from spotify_assets_tests.defs.describe import columns, describe

SNAPSHOTS = Path(__file__).parent / "snapshots"
CONFIGURED = {
    "nothing_configured": {},
    "everything_configured": {
        "landing_uri": "s3://a-bucket/landing",
        "lake_uri": "s3://a-bucket/lake",
        "landing_queue_url": "https://sqs.eu-north-1.amazonaws.com/123456789012/landed",
        "client_id": "an-app",
        "client_secret": "a-secret",
        "playlists": "37i9dQZEVXbMDoHDwVN2tF",
        "mysql_url": "mysql://somebody:a-secret@localhost/music",
        "glue_database": "music",
        "athena_workgroup": "primary",
        "snowflake_account": "an-account",
        "snowflake_user": "somebody",
        "snowflake_password": "a-secret",
        "snowflake_warehouse": "small",
        "snowflake_database": "music",
        "snowflake_storage_integration": "a_bucket",
        "export_uri": "s3://a-bucket/exports",
    },
}


def compare(name: str, described: object) -> None:
    path = SNAPSHOTS / f"{name}.yaml"
    text = yaml.safe_dump(described, sort_keys=False, width=116, allow_unicode=True)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; see the first lines of this file"


@pytest.mark.parametrize("name", CONFIGURED)
def test_definitions(name):
    compare(name, describe(definitions(load_settings(**CONFIGURED[name]))))


def test_columns():
    described = columns(definitions(load_settings(**CONFIGURED["everything_configured"])))
    tables = {key: lines for key, lines in described.items() if "/" not in key}
    compare("columns", tables)
    for key, lines in described.items():
        assert lines == tables[key.rpartition("/")[2]], key


def test_no_secret_is_shown():
    for path in SNAPSHOTS.glob("*.yaml"):
        assert "a-secret" not in path.read_text()
