"""What a run records of its inputs, and how often it asks the event log for it."""

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from spotify_assets.defs.executor import thread_executor

MONTHS = dg.MonthlyPartitionsDefinition("2024-01-01", end_date="2024-04-01")
TAGS = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-02-01"}
POINTER = "dagster/input_event_pointer/"
INPUTS = {
    "first": ["of_months"],
    "second": ["first", "of_months"],
    "third": ["first", "second"],
    # Its check looks it up before it is materialized.
    "after": ["checked"],
}


@dg.asset(partitions_def=MONTHS, backfill_policy=dg.BackfillPolicy.single_run())
def of_months():
    return 1


@dg.asset
def first(of_months):
    return of_months


@dg.asset(deps=[first, of_months])
def second():
    return 2


@dg.asset(deps=[first, second])
def third():
    return 3


@dg.asset(check_specs=[dg.AssetCheckSpec("before", asset="checked")])
def checked():
    yield dg.AssetCheckResult(check_name="before", passed=True)
    yield dg.Output(4)


@dg.asset
def after(checked):
    return checked


@dg.asset_check(asset=first, additional_ins={"second": dg.AssetIn("second")})
def is_right(second) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


class Ones(dg.IOManager):
    def load_input(self, context):
        return 1

    def handle_output(self, context, obj): ...


@pytest.fixture
def run(instance):
    def run():
        defs = dg.Definitions(
            [of_months, first, second, third, checked, after],
            asset_checks=[is_right],
            jobs=[dg.define_asset_job("all")],
            executor=thread_executor(lambda: 2),
            resources={"io_manager": Ones()},
        )
        result = core_execute_in_process(
            job=InMemoryJob(defs.resolve_job_def("all")),
            instance=instance,
            run_config={},
            output_capturing_enabled=False,
            raise_on_error=True,
            run_tags=TAGS,
        )
        assert result.success

    return run


def latest(instance, name):
    return instance.get_latest_materialization_event(dg.AssetKey(name))


def latest_id(instance, name):
    [record] = instance.get_asset_records([dg.AssetKey(name)])
    return record.asset_entry.last_materialization_record.storage_id


def test_a_step_records_the_versions_that_this_run_has_made_of_its_inputs(run, instance):
    for _ in range(2):
        run()
        for name, inputs in INPUTS.items():
            tags = latest(instance, name).asset_materialization.tags
            assert [int(tags[POINTER + one]) for one in inputs] == [latest_id(instance, one) for one in inputs]


def test_a_result_of_a_check_says_which_materialization_it_is_about(run, instance):
    run()
    run()
    key = dg.AssetCheckKey(dg.AssetKey("first"), "is_right")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.target_materialization_data.storage_id == latest_id(instance, "first")


def test_the_tags_are_those_that_dagster_records_by_itself(run, instance, monkeypatch):
    from spotify_assets.defs import input_versions

    run()
    shared = {name: latest(instance, name).asset_materialization.tags for name in INPUTS}
    monkeypatch.setattr(input_versions.RunVersions, "share", lambda self, context: context)
    run()
    for name, tags in shared.items():
        own = latest(instance, name).asset_materialization.tags
        assert tags.keys() == own.keys()
        assert tags["dagster/code_version"] is not None


def test_the_event_log_is_asked_once_for_each_input(run, instance, monkeypatch):
    asked = []
    records = dg.DagsterInstance.get_asset_records

    def counting(self, keys=None):
        asked.extend(key.to_user_string() for key in keys)
        return records(self, keys)

    monkeypatch.setattr(dg.DagsterInstance, "get_asset_records", counting)
    run()
    assert sorted(asked) == ["checked", "checked", "first", "of_months", "second"]
