"""The asset listening_report: what it writes, and what Dagster shows of it."""

import base64
import re

import dagster as dg
import duckdb
import pytest

from spotify_assets.dashboard.recap.reports import TABLES
from spotify_assets.defs.assets import reports
from spotify_assets.defs.assets.declare import build
from spotify_assets.settings import load_settings
from spotify_assets_tests.dashboard.warehouses import FULL, HOSTILE, write_lake, write_warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def materialize(tmp_path):
    """Materialize the asset over a lake of the full warehouse; its metadata."""
    with duckdb.connect(str(write_warehouse(tmp_path / "w.duckdb", FULL)), read_only=True) as connection:
        lake = write_lake(str(tmp_path / "lake"), connection, TABLES)
    settings = load_settings(lake_uri=lake.uri)

    def run():
        result = dg.materialize(build([reports], settings), resources={"settings": settings})
        [event] = result.asset_materializations_for_node("listening_report")
        return {name: value.value for name, value in event.metadata.items()}

    return run


def test_metadata_names_the_files_and_previews_the_latest(materialize, tmp_path):
    shown = materialize()
    assert (shown["reports"], shown["written"], shown["removed"]) == (3, 3, 0)
    assert f"| `anna` | 2024 | `{tmp_path}/lake/_reports/anna/2024.html` | yes |" in shown["files"]
    assert (tmp_path / "lake/_reports/anna/2024.html").exists()
    preview = shown["preview of ben"]
    assert "- `ben in 2024, 4 minutes of listening" in preview
    picture = re.search(r"!\[recap\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", preview)
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert len(preview) < 250_000
    assert materialize()["written"] == 0


def test_names_are_no_markup(tmp_path):
    assert reports._table_cell(f"{HOSTILE} | `x` [y](javascript:z)") == f"``{HOSTILE} \u00a6 `x` [y](javascript:z)``"


def test_a_sync_leaves_it_alone(materialize):
    from spotify_assets.definitions import definitions

    defs = definitions(load_settings())
    jobs = {
        job.name
        for job in defs.resolve_all_job_defs()
        if any(key.to_user_string() == "listening_report" for key in job.asset_layer.executable_asset_keys)
    }
    assert jobs - {"__ASSET_JOB"} == {"write_reports"}
