from dataclasses import replace

import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs.dagster_runs import DagsterRuns
from spotify_assets.refresh import lineage, plan, staleness
from spotify_assets_tests.conftest import World, dagster_instance, extended

pytestmark = pytest.mark.integration

# Tables of each layer, of which many need nothing of each other.
SOME = {"plays", "rejected_plays", "monthly_content", "daily_track_plays", "hourly_listening", "session_parts"}
SOME |= {*lineage.upstreams("fct_plays"), *lineage.upstreams("track_metrics"), "fct_plays", "track_metrics"}


def test_tables_at_once_have_the_rows_of_one_after_another(tmp_path, spark):
    rows = {}
    for at_once in (1, 4):
        world = World(tmp_path / f"{at_once}", spark, {"concurrent_tables": at_once})
        for month in (1, 2, 5):
            plays = [
                extended(f"2024-0{month}-{day:02d}T13:37:00Z", track=f"Song {day % 7}", artist=f"Band {day % 3}")
                for day in range(1, 29)
            ]
            world.land(f"anna/{month}.json", plays)
        with dagster_instance() as instance:
            job = definitions(world.settings).resolve_job_def
            runs = DagsterRuns(job, instance, lambda *_: None, [])
            runs.read_history()
            for run in plan.plan_runs(staleness.stale(world.lake, world.settings), world.settings):
                runs.refresh(replace(run, tables=tuple(table for table in run.tables if table in SOME)))
        rows[at_once] = world.everything()
        assert len(rows[at_once]["plays"]) == 84
        assert len(rows[at_once]["track_metrics"]) == 7
    assert rows[1] == rows[4]
