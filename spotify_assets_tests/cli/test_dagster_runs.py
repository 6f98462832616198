import logging
from dataclasses import replace

import dagster as dg
import pytest

from spotify_assets.cli.dagster_runs import DagsterRuns, _EventHandler
from spotify_assets.refresh import lineage, plan, staleness
from spotify_assets_tests.conftest import World, dagster_instance, extended

pytestmark = pytest.mark.integration

# Tables of each layer, of which many need nothing of each other.
SOME = {"plays", "rejected_plays", "monthly_content", "daily_track_plays", "hourly_listening", "session_parts"}
SOME |= {*lineage.upstreams("fct_plays"), *lineage.upstreams("track_metrics"), "fct_plays", "track_metrics"}


def test_events_are_told_while_the_run_goes_on():
    told: list[tuple[str, str | None]] = []
    lines: list[str] = []

    @dg.logger(config_schema=None)
    def telling(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("telling")
        logger.addHandler(
            _EventHandler(lambda event: told.append((event.event_type_value, event.step_key)), lines.append)
        )
        return logger

    @dg.asset
    def one() -> None: ...

    @dg.asset(deps=[one])
    def two(context: dg.AssetExecutionContext) -> None:
        assert ("STEP_SUCCESS", "one") in told
        context.log.info("half of it")
        assert lines == ["half of it"]

    job = dg.Definitions([one, two], jobs=[dg.define_asset_job("both")], loggers={"telling": telling})
    result = job.resolve_job_def("both").execute_in_process(run_config={"loggers": {"telling": {}}})
    assert result.success
    assert [step for kind, step in told if kind == "STEP_SUCCESS"] == ["one", "two"]


def test_progress_counts_tables_and_neither_steps_nor_checks(synced):
    """Its total is the number of tables; a step may write several, and checks are steps of their own."""
    told: list[tuple[int, str | None]] = []
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    with dg.DagsterInstance.ephemeral() as instance:
        runs = DagsterRuns(synced.settings, instance, lambda _, tables, table: told.append((tables, table)), [])
        runs.read_history()
    assert [step for step in told if step[0]] == [(2, None), (2, "raw_plays"), (2, "raw_files")]
    assert (0, "history/anna/c.json: 1 records") in told


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
            runs = DagsterRuns(world.settings, instance, lambda *_: None, [])
            runs.read_history()
            for run in plan.plan_runs(staleness.stale(world.lake, world.settings), world.settings):
                runs.refresh(replace(run, tables=tuple(table for table in run.tables if table in SOME)))
        rows[at_once] = world.everything()
        assert len(rows[at_once]["plays"]) == 84
        assert len(rows[at_once]["track_metrics"]) == 7
    assert rows[1] == rows[4]
