import logging

import dagster as dg
import pytest

from spotify_assets.cli.sync_runs import EventHandler, command_runner
from spotify_assets_tests.conftest import extended

pytestmark = pytest.mark.integration


def test_events_are_told_while_the_run_goes_on():
    told: list[tuple[str, str | None]] = []
    lines: list[str] = []

    @dg.logger(config_schema=None)
    def telling(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("telling")
        logger.addHandler(
            EventHandler(lambda event: told.append((event.event_type_value, event.step_key)), lines.append)
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


def test_progress_counts_tables_and_neither_steps_nor_checks(synced, tmp_path, monkeypatch):
    """Its total is the number of tables; a step may write several, and checks are steps of their own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    told: list[tuple[int, str | None]] = []
    synced.land("anna/c.json", [extended("2024-05-31T13:37:00Z")])
    with command_runner(synced.settings, lambda _, tables, table: told.append((tables, table))) as runner:
        runner.dagster.read_history()
    assert [step for step in told if step[0]] == [(2, None), (2, "raw_plays"), (2, "raw_files")]
    assert (0, "history/anna/c.json: 1 records") in told
