"""The DuckDB file: what it holds, and what its readers see while it is written."""

import duckdb
import pytest

from spotify_assets import publishing
from spotify_assets.model import LAYERS
from spotify_assets.resources.warehouse import Warehouse
from spotify_assets_tests.conftest import extended


@pytest.fixture
def history(prepared):
    return prepared(
        {
            "anna/2024-01.json": [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T14:00:00Z", track="Other")],
            "anna/2024-02.json": [extended("2024-02-01T12:00:00Z", track="Other")],
        }
    )


@pytest.fixture
def warehouse(history):
    return Warehouse(path=history.settings.warehouse)


def publish(world, target, **options):
    return {
        done.refresh.table: done
        for done in target.publish(world.lake, publishing.behind(target, world.lake, **options))
    }


def test_every_row_of_every_table(history, warehouse):
    publish(history, warehouse)
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in publishing.of_layers(*LAYERS):
            there = connection.execute(f"SELECT * FROM {table}").to_arrow_table()
            here = history.lake.read(table).select(there.column_names)
            assert sorted(map(str, there.cast(here.schema).to_pylist())) == sorted(map(str, here.to_pylist())), table
            assert warehouse.count(table).rows == here.num_rows == history.lake.count(table)
    assert publishing.behind(warehouse, history.lake) == []
