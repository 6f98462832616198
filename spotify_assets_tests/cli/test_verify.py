"""Faults that only reading every row finds."""

import duckdb
import pyarrow.parquet as pq
import pytest

from spotify_assets.cli import commands
from spotify_assets.cli.verify import find_faults
from spotify_assets.ingest.catalog import mirror_catalog
from spotify_assets.settings import settings, variable
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.flat_files import FlatFiles
from spotify_assets.targets.publishing import pending_refreshes
from spotify_assets_tests.lake.broken import data_file

pytestmark = pytest.mark.integration


@pytest.fixture
def published(synced):
    """A world whose DuckDB file is up to date."""
    synced.overrides["warehouse"] = str(synced.root / "w.duckdb")
    target = Warehouse(synced.settings.warehouse)
    list(target.publish(synced.lake, pending_refreshes(target, synced.lake)))
    return synced


def test_nothing_is_wrong(published):
    names = []
    assert list(find_faults(published.settings, names.append)) == []
    assert {"plays", "raw_plays", "duckdb"} <= set(names)


def test_a_file_of_the_right_size_that_cant_be_decoded(published):
    path = data_file(published.root / "lake/cleaned/plays")
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(255 - byte for byte in content[4:60])
    path.write_bytes(content)
    (found,) = find_faults(published.settings)
    assert found.startswith("plays is damaged: its file month=")
    assert found.endswith("spotify-assets repair plays makes it again")


def test_a_record_more_than_the_register_lists(published):
    lake = published.lake
    lake.write("raw_plays", lake.read("raw_plays").slice(0, 1), mode="append")
    assert any(
        line.startswith("raw_plays has 2 rows of history/anna/") and line.endswith("reads them again")
        for line in find_faults(published.settings)
    )


def test_rows_of_a_catalogue_file_that_are_gone(world):
    for name in ("a", "b"):
        world.landing.land(f"catalog/{name}.csv", b"id,name,artists,energy,valence\n1,Song,Band,0.5,0.5\n")
    mirror_catalog(world.landing, world.lake, world.settings)
    faults = [line for line in find_faults(world.settings) if line.startswith("raw_catalog")]
    assert faults == []
    world.lake.open("raw_catalog_features").delete("source_file = 'catalog/b.csv'")
    world.lake.write("raw_catalog_tracks", world.lake.read("raw_catalog_tracks").slice(0, 1), mode="append")
    faults = [line for line in find_faults(world.settings) if line.startswith("raw_catalog")]
    assert [line.partition("/")[0] for line in faults] == [
        "raw_catalog_tracks has 2 rows of catalog",
        "raw_catalog_features has 0 rows of catalog",
    ]
    assert faults[1].endswith("spotify-assets repair raw_catalog_features reads them again")


def test_a_target_that_lost_rows(published, monkeypatch, capfd):
    with duckdb.connect(published.settings.warehouse) as connection:
        connection.execute("DELETE FROM plays")
    for name in ("landing_uri", "lake_uri", "warehouse"):
        monkeypatch.setenv(variable(name), getattr(published.settings, name))
    monkeypatch.setattr("sys.argv", ["spotify-assets", "verify"])
    settings.cache_clear()
    assert commands.run(debug=False) == 1
    printed = capfd.readouterr()
    assert printed.out == "! duckdb/plays is behind the lake; spotify-assets sync publishes it\n"
    assert printed.err == "Error: 1 fault found\n"


def test_an_export_that_lost_rows(synced):
    target = FlatFiles(str(synced.root / "export"))
    list(target.publish(synced.lake, pending_refreshes(target, synced.lake)))
    synced.overrides |= {"export_uri": target.uri, "warehouse": str(synced.root / "w.duckdb")}
    path = next(synced.root.glob("export/*/parquet/dim_listener/*.parquet"))
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    found = [line for line in find_faults(synced.settings) if line.startswith("files")]
    assert [line.partition(" ")[0] for line in found] == ["files/dim_listener"]
