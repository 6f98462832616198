"""Dagster's own resources, for assets of others: there where they apply."""

from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from spotify_assets.definitions import definitions, resources
from spotify_assets.defs.resources import WarehouseResource
from spotify_assets.settings import load_settings
from spotify_assets.targets import publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets_tests.conftest import extended

pytestmark = pytest.mark.integration


def materialize(asset, settings):
    theirs = dg.Definitions(assets=[asset], jobs=[dg.define_asset_job("theirs", [asset])])
    job = dg.Definitions.merge(definitions(settings), theirs).resolve_job_def("theirs")
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral()).output_for_node(asset.op.name)


@pytest.fixture
def published(synced):
    store = Warehouse(path=synced.settings.warehouse)
    list(store.publish(synced.lake, publishing.pending_refreshes(store, synced.lake, ["fct_plays", "dim_time"])))
    return synced


def test_an_asset_of_others_queries_the_warehouse(published):
    @dg.asset
    def plays_in_all(warehouse: DuckDBResource) -> int:
        with warehouse.get_connection() as connection:
            return connection.execute("SELECT count(*) FROM fct_plays").fetchall()[0][0]

    assert materialize(plays_in_all, published.settings) == 2


def test_the_warehouse_is_for_reading(published):
    with (
        WarehouseResource(database=published.settings.warehouse).get_connection() as connection,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        connection.execute("CREATE TABLE theirs AS SELECT 1 AS one")


def test_a_reader_is_not_in_the_way_of_publishing(published):
    store = Warehouse(path=published.settings.warehouse)
    with WarehouseResource(database=store.path).get_connection() as before:
        published.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
        published.sync("plays", "fct_plays")
        list(store.publish(published.lake, publishing.pending_refreshes(store, published.lake, ["fct_plays"])))
        assert before.execute("SELECT count(*) FROM fct_plays").fetchall() == [(2,)]
    with WarehouseResource(database=store.path).get_connection() as after:
        assert after.execute("SELECT count(*) FROM fct_plays").fetchall() == [(3,)]


def test_a_connection_is_closed_also_after_an_error(published):
    resource = WarehouseResource(database=published.settings.warehouse)
    with pytest.raises(ZeroDivisionError), resource.get_connection() as connection:
        _ = 1 / 0
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_nothing_published_is_said_at_once(world):
    with (
        pytest.raises(FileNotFoundError, match="spotify-assets sync"),
        WarehouseResource(database=world.settings.warehouse).get_connection(),
    ):
        pass
    assert not Path(world.settings.warehouse).exists()


def test_s3_is_there_where_files_are(bucket):
    from dagster_aws.s3 import S3Resource

    settings = load_settings(lake_uri=f"{bucket}/lake")

    @dg.asset
    def buckets(s3: S3Resource) -> list[str]:
        return [found["Name"] for found in s3.get_client().list_buckets()["Buckets"]]

    assert bucket.removeprefix("s3://") in materialize(buckets, settings)
    assert "s3" not in resources(load_settings())
