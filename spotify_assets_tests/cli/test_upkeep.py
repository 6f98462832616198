"""What the UI has a short process do."""

import click
import dagster as dg
import pytest

from spotify_assets.cli.home import dagster_home
from spotify_assets.cli.upkeep import upkeep
from spotify_assets.defs.liveness import PID_TAG
from spotify_assets.processes import this_process

pytestmark = pytest.mark.integration
STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE


@dg.asset
def broken() -> None:
    raise ValueError("[this] went wrong\nand more")


JOB = dg.define_asset_job("job", [broken]).resolve(asset_graph=dg.Definitions([broken]).resolve_asset_graph())


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    dagster_home()
    with dg.DagsterInstance.get() as opened:
        yield opened


def test_it_tells_why_a_run_failed(instance):
    failed = JOB.execute_in_process(instance=instance, raise_on_error=False)
    assert upkeep("why-failed", failed.run_id) == "broken: ValueError: [this] went wrong"


def test_runs_that_were_killed_with_the_ui_are_failed(instance):
    """Three that counted as running would block all others."""
    of_the_ui = instance.create_run_for_job(JOB, status=STARTED, tags={".dagster/grpc_info": "{}"})
    of_a_command = instance.create_run_for_job(JOB, status=STARTED, tags={PID_TAG: this_process()})
    upkeep("fail-interrupted")
    assert instance.get_run_by_id(of_the_ui.run_id).status is FAILURE
    assert instance.get_run_by_id(of_a_command.run_id).status is STARTED


def test_runs_of_dead_processes_are_failed_before_the_start(instance):
    """After a loss of power."""
    dead = this_process().rpartition(":")[0] + ":other-boot"
    run = instance.create_run_for_job(JOB, status=STARTED, tags={PID_TAG: dead})
    upkeep("prepare")
    assert instance.get_run_by_id(run.run_id).status is FAILURE


def test_an_error_is_one_line(instance):
    with pytest.raises(click.ClickException, match=r"^Dagster's instance: prepare \| fail-interrupted"):
        upkeep("unknown")
