"""Raw tables as Dagster writes them."""

import dagster as dg
import pytest

from spotify_assets.cli.instance import why_failed
from spotify_assets.definitions import definitions

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
