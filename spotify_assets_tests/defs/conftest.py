import pytest

from spotify_assets.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    """Settings of a lake, a landing zone and a DuckDB file that don't exist yet."""
    places = {
        "lake_uri": tmp_path / "lake",
        "landing_uri": tmp_path / "landing",
        "warehouse": tmp_path / "file.duckdb",
    }
    return load_settings(**{name: str(path) for name, path in places.items()})
