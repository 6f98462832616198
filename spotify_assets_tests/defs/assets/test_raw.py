"""Raw tables as Dagster writes them."""

import dagster as dg
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs import jobs
from spotify_assets.defs.failures import why_failed
from spotify_assets.ingest.catalog import mirror_catalog
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage, staleness

SNAPSHOTS = ["raw_playlist_files", "raw_playlists"]


@pytest.fixture
def capture(world):
    """Run the job that captures playlists for a range of days."""

    def run(first, last):
        return (
            definitions(world.settings)
            .resolve_job_def("refresh_playlists")
            .execute_in_process(
                asset_selection=[dg.AssetKey(table) for table in SNAPSHOTS],
                instance=dg.DagsterInstance.ephemeral(),
                tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
                raise_on_error=False,
            )
        )

    return run


def test_days_of_a_range_without_captures_are_empty(world, capture):
    assert capture("2025-01-01", "2025-01-03").success
    assert [world.rows(table) for table in SNAPSHOTS] == [[], []]


def test_a_single_past_day_without_captures_says_why_it_can_not_be_captured(capture):
    done = capture("2025-01-02", "2025-01-02")
    assert not done.success
    assert "2025-01-02: no playlist was captured then" in why_failed(done.all_events)


def test_every_raw_table_can_be_refreshed_alone(world):
    """As it is planned where it alone was damaged."""
    defs = definitions(world.settings)
    for table in lineage.refreshed_tables():
        if TABLES[table].layer == "raw":
            partitioning = TABLES[table].partitioning
            job = defs.resolve_job_def(jobs.REFRESH[partitioning].name)
            assert job.get_subset(asset_selection={dg.AssetKey(table)}).asset_layer.selected_asset_keys


def test_a_catalogue_table_that_was_damaged_is_read_again(world):
    world.landing.land("catalog/artists.csv", b"artist_id,name,followers\n0TnOYISbd1XYRBk9myaseg,Pitbull,100\n")
    mirror_catalog(world.landing, world.lake, world.settings)
    assert len(world.rows("raw_catalog_artists")) == 1
    world.lake.reset("raw_catalog_artists")
    selected = [dg.AssetKey("raw_catalog_artists")]
    done = (
        definitions(world.settings)
        .resolve_job_def("refresh_tables")
        .execute_in_process(asset_selection=selected, instance=dg.DagsterInstance.ephemeral())
    )
    assert done.success
    assert len(world.rows("raw_catalog_artists")) == 1
    assert "raw_catalog_artists" not in staleness.stale(world.lake, world.settings).whole
