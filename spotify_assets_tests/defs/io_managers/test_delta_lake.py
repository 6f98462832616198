"""What Dagster's assets get, and what it is told of what they give."""

import dagster as dg
from pyspark.sql import DataFrame

from spotify_assets.definitions import definitions
from spotify_assets.refresh import staleness
from spotify_assets.refresh.plan import LANDED_ONLY

MONTHS = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-02-01"}


def test_an_asset_gets_its_partitions_of_a_table_and_one_without_partitions_all(synced):
    defs = definitions(synced.settings)
    found = {}

    @dg.asset(partitions_def=defs.resolve_assets_def("plays").partitions_def)
    def of_a_month(plays: DataFrame) -> None:
        found["month"] = [f"{row['month']:%Y-%m}" for row in plays.collect()]

    @dg.asset
    def of_all(plays: DataFrame) -> None:
        found["all"] = sorted(f"{row['month']:%Y-%m}" for row in plays.collect())

    mine = dg.Definitions.merge(defs, dg.Definitions(assets=[of_a_month, of_all]))
    done = dg.materialize(
        mine.assets, selection=["of_a_month", "of_all"], partition_key="2024-03-01", resources=mine.resources
    )
    assert done.success
    assert found == {"month": ["2024-03"], "all": ["2024-01", "2024-03"]}


def test_dagster_is_told_where_the_rows_are_and_how_many(synced):
    defs = definitions(synced.settings)
    done = dg.materialize(defs.assets, selection=["plays"], tags=MONTHS, resources=defs.resources)
    told = {one.partition: one.metadata for one in done.asset_materializations_for_node("plays")}
    assert set(told) == {"2024-01-01", "2024-02-01"}
    metadata = {name: value.value for name, value in told["2024-01-01"].items()}
    assert metadata == {
        "dagster/uri": synced.lake.table_uri("plays"),
        "dagster/row_count": 2,
        "dagster/partition_row_count": 1,
        "delta_version": synced.lake.open("plays").version(),
    }
    assert told["2024-02-01"]["dagster/partition_row_count"].value == 0


ALL = {"dagster/asset_partition_range_start": "2023-12-01", "dagster/asset_partition_range_end": "2024-03-01"}
OF_PLAYS = ["plays", "fct_plays"]


def test_a_backfill_is_cut_into_the_ranges_of_a_sync(synced):
    synced.overrides |= {"max_records_a_run": 1, "plays_start": "2023-12-01"}
    rows = {table: synced.rows(table) for table in OF_PLAYS}
    versions = {table: synced.lake.open(table).version() for table in OF_PLAYS}
    defs = definitions(synced.settings)
    done = dg.materialize(defs.assets, selection=OF_PLAYS, tags=ALL, resources=defs.resources)
    assert done.success
    for table in OF_PLAYS:
        # A play in January and one in March: two ranges.
        assert synced.lake.open(table).version() == versions[table] + 2
        assert synced.rows(table) == rows[table]
        told = {one.partition: one.metadata for one in done.asset_materializations_for_node(table)}
        assert {key: one["dagster/partition_row_count"].value for key, one in told.items()} == {
            "2023-12-01": 0,
            "2024-01-01": 1,
            "2024-02-01": 0,
            "2024-03-01": 1,
        }
    assert "plays" not in staleness.stale(synced.lake, synced.settings).windows


def test_a_range_that_was_planned_and_a_small_backfill_are_one_commit(synced):
    synced.overrides |= {"plays_start": "2023-12-01"}
    version = synced.lake.open("plays").version()
    for most, tags in [(1, ALL | LANDED_ONLY), (2, ALL)]:
        synced.overrides["max_records_a_run"] = most
        defs = definitions(synced.settings)
        assert dg.materialize(defs.assets, selection=["plays"], tags=tags, resources=defs.resources).success
        version += 1
        assert synced.lake.open("plays").version() == version
