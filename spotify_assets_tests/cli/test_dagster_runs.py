import logging

import dagster as dg

from spotify_assets.cli.dagster_runs import _EventHandler


def test_events_are_told_while_the_run_goes_on():
    told: list[tuple[str, str | None]] = []

    @dg.logger(config_schema=None)
    def telling(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("telling")
        logger.addHandler(_EventHandler(lambda event: told.append((event.event_type_value, event.step_key))))
        return logger

    @dg.asset
    def one() -> None: ...

    @dg.asset(deps=[one])
    def two() -> None:
        assert ("STEP_SUCCESS", "one") in told

    job = dg.Definitions([one, two], jobs=[dg.define_asset_job("both")], loggers={"telling": telling})
    result = job.resolve_job_def("both").execute_in_process(run_config={"loggers": {"telling": {}}})
    assert result.success
    assert [step for kind, step in told if kind == "STEP_SUCCESS"] == ["one", "two"]
