from spotify_assets.defs.resources import WarehouseResource
from spotify_assets.defs.resources.warehouse_file import warehouse_file


def test_a_run_gets_dagsters_resource():
    assert warehouse_file("file.duckdb")(None) == WarehouseResource(database="file.duckdb")
