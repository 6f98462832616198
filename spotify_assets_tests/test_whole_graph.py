"""The whole graph in-process, as a backfill from the UI runs it."""

import dagster as dg

from spotify_assets.definitions import definitions
from spotify_assets_tests.conftest import extended

RANGE = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-06-01"}


def test_materialize_everything(world):
    records = [extended(f"2024-{month:02d}-15T12:00:00Z", track=name) for month in (1, 3, 6) for name in ("A", "B")]
    world.land("anna/a.json", [*records, records[0], 5])
    defs = definitions(world.settings)
    with dg.instance_for_test() as instance:
        assert defs.resolve_job_def("read_history").execute_in_process(instance=instance).success
        result = defs.resolve_job_def("refresh_tables").execute_in_process(instance=instance, tags=RANGE)
        assert result.success
        failed = [
            (one.asset_key.path, one.check_name, one.description)
            for one in result.get_asset_check_evaluations()
            if not one.passed
        ]
        assert failed == []
        assert len(result.get_asset_check_evaluations()) > 60
        rows = {
            record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
            for record in instance.fetch_materializations(dg.AssetKey("fct_plays"), limit=100).records
        }
        assert rows == {
            "2024-01-01": 2,
            "2024-02-01": 0,
            "2024-03-01": 2,
            "2024-04-01": 0,
            "2024-05-01": 0,
            "2024-06-01": 2,
        }
        latest = instance.get_latest_materialization_event(dg.AssetKey("dim_track")).asset_materialization
        assert latest.metadata["dagster/row_count"].value == 4
        assert latest.metadata["dagster/uri"].value.endswith("lake/dimensions/dim_track")
    assert len(world.rows("plays")) == 6
