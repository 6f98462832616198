"""Where assets lead to: lines of code that there are, pages that there are."""

from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.cli.commands import dashboard
from spotify_assets.dashboard.pages import NAVIGATION
from spotify_assets.definitions import definitions
from spotify_assets.defs.assets.references import DASHBOARD, PAGES
from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings


@pytest.fixture(scope="module")
def metadata():
    specs = definitions(load_settings()).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.metadata for spec in specs}


def lines(metadata, asset):
    """The line of code that each reference of an asset leads to."""
    references = metadata[asset]["dagster/code_references"].code_references
    return {one.label: Path(one.file_path).read_text().splitlines()[one.line_number - 1] for one in references}


def test_a_table_leads_to_its_transform_and_its_asset(metadata):
    for table in ("fct_plays", "plays", "track_metrics", "dim_date"):
        found = lines(metadata, table)
        assert found["the code of its rows"].startswith(f"def {table}(")
        assert found["its asset"] == "@lake_table"


def test_every_asset_leads_to_its_code(metadata):
    for name in {*TABLES, *(f"duckdb/{table}" for table in TABLES)}:
        assert all(line.strip() for line in lines(metadata, name).values()), name
    assert lines(metadata, "duckdb/plays")["its target"].startswith('"""')


def test_pages_of_the_dashboard_that_there_are(metadata):
    assert set(PAGES) <= set(TABLES)
    assert set(PAGES.values()) <= {entry.path for entry in NAVIGATION}
    [port] = [option.default for option in dashboard.params if option.name == "port"]
    assert f"http://localhost:{port}" == DASHBOARD
    assert metadata["top_charts"]["dashboard"] == dg.MetadataValue.url("http://localhost:3001/charts")
    assert "dashboard" not in metadata["dim_date"]


def test_columns_that_a_transform_copies(metadata):
    copied = metadata["fct_plays"]["dagster/column_lineage"].deps_by_column
    assert copied["time_key"] == [dg.TableColumnDep(asset_key=dg.AssetKey("plays"), column_name="local_hour")]
    assert "track_key" not in copied  # `not_applicable` for others than tracks
    assert "dagster/column_lineage" not in metadata["track_metrics"]
