"""What Dagster is told of published tables."""

import dagster as dg
import pytest

from spotify_assets.definitions import definitions

pytestmark = pytest.mark.integration


def test_dagster_is_told_how_many_rows_a_target_has(synced):
    defs = definitions(synced.settings)

    def told():
        done = dg.materialize(defs.assets, selection=[dg.AssetKey(["duckdb", "plays"])], resources=defs.resources)
        [event] = done.asset_materializations_for_node("publish_duckdb")
        return {name: value.value for name, value in event.metadata.items()}

    first, second = told(), told()
    assert (first["rows_written"], first["dagster/row_count"]) == (2, 2)
    # Nothing is left to write, and the rows are there all the same.
    assert (second["rows_written"], second["replaced"], second["dagster/row_count"]) == (0, "nothing", 2)
