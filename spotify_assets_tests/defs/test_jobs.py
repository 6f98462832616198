"""What a person picks in the UI need not be all of it."""

import dagster as dg
import pytest

from spotify_assets.definitions import definitions

pytestmark = pytest.mark.integration

JANUARY = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-01"}


def test_one_table_alone_with_its_checks(synced):
    result = (
        definitions(synced.settings)
        .resolve_job_def("refresh_tables")
        .execute_in_process(
            asset_selection=[dg.AssetKey("plays")], tags=JANUARY, instance=dg.DagsterInstance.ephemeral()
        )
    )
    checked = {(one.asset_key.path[-1], one.check_name) for one in result.get_asset_check_evaluations()}
    assert ("plays", "months_like_their_neighbours") in checked
    assert {table for table, _ in checked} == {"plays"}
