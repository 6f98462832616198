"""Steps in threads: how many at once, in which order, and how a run ends."""

import os
import signal
import sys
import threading
import time
import warnings

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from spotify_assets.defs.executor import thread_executor
from spotify_assets.defs.failures import why_failed
from spotify_assets.defs.liveness import PID_TAG
from spotify_assets.processes import this_process
from spotify_assets_tests.conftest import dagster_instance

SECONDS = 10


@pytest.fixture
def run():
    """Run assets as a job, with up to so many steps at once."""

    def run(assets, at_once=4, instance=None, hooks=None):
        job = dg.define_asset_job("all", hooks=hooks)
        defs = dg.Definitions(assets, jobs=[job], executor=thread_executor(lambda: at_once))
        return core_execute_in_process(
            job=InMemoryJob(defs.resolve_job_def("all")),
            instance=instance or dg.DagsterInstance.ephemeral(),
            run_config={},
            output_capturing_enabled=False,
            raise_on_error=False,
        )

    return run


def named(name, compute, *deps, **options):
    @dg.asset(name=name, deps=[*deps], **options)
    def asset() -> None:
        compute()

    return asset


def steps(result, kind):
    return [event.step_key for event in result.all_events if event.event_type_value == kind]


def test_steps_that_need_nothing_of_each_other_run_at_once(run):
    together = threading.Barrier(3)
    result = run([named(name, lambda: together.wait(SECONDS)) for name in "abc"])
    assert result.success
    assert sorted(steps(result, "STEP_SUCCESS")) == ["a", "b", "c"]


def test_no_more_than_allowed_run_at_once(run):
    most, running, lock, pair = [0], [0], threading.Lock(), threading.Barrier(2)

    def compute():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)  # a third one would come in between
        pair.wait(SECONDS)
        with lock:
            running[0] -= 1

    assert run([named(name, compute) for name in "abcdef"], at_once=2).success
    assert most == [2]


def test_a_step_begins_when_all_that_it_needs_is_there_and_waits_for_nothing_else(run):
    order, is_c_done = [], threading.Event()

    def slow():
        assert is_c_done.wait(SECONDS)
        order.append("slow")

    def c():
        order.append("c")
        is_c_done.set()

    assets = [
        named("slow", slow),
        named("a", lambda: order.append("a")),
        named("b", lambda: order.append("b"), "a"),
        named("c", c, "a", "b"),
        named("last", lambda: order.append("last"), "c", "slow"),
    ]
    assert run(assets).success
    assert order == ["a", "b", "c", "slow", "last"]


def test_what_needs_a_failed_step_is_skipped_and_the_others_are_done(run):
    has_failed = threading.Event()

    def fail():
        has_failed.set()
        raise ValueError("no good")

    def good():
        assert has_failed.wait(SECONDS)

    assets = [named("bad", fail), named("after", lambda: None, "bad"), named("good", good)]
    result = run([*assets, named("more", lambda: None, "good")])
    assert not result.success
    assert steps(result, "STEP_FAILURE") == ["bad"]
    assert sorted(steps(result, "STEP_SUCCESS")) == ["good", "more"]
    assert "after" not in steps(result, "STEP_START")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "no good" in failure.step_failure_data.error.cause.message


def test_a_step_is_tried_again_by_its_policy(run):
    attempts = []

    def flaky():
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")

    assert run([named("flaky", flaky, retry_policy=dg.RetryPolicy(max_retries=2))]).success
    assert len(attempts) == 3


def test_hooks_of_a_job_are_called_also_after_its_last_step(run):
    told = []

    @dg.success_hook
    def tell(context: dg.HookContext) -> None:
        time.sleep(0.05)
        told.append(context.step_key)

    result = run([named("a", lambda: None), named("b", lambda: None, "a")], hooks={tell})
    assert told == ["a", "b"]
    assert steps(result, "HOOK_COMPLETED") == ["a", "b"]


def test_what_steps_print_is_kept(run):
    """The UI shows it beside the run's events."""
    with dagster_instance() as instance:
        result = run([named("a", lambda: sys.stdout.write("hello"))], instance=instance)
        [captured] = [event for event in result.all_events if event.event_type_value == "LOGS_CAPTURED"]
        assert captured.logs_captured_data.step_keys == ["a"]
        key = instance.compute_log_manager.build_log_key_for_run(result.run_id, captured.logs_captured_data.file_key)
        assert b"hello" in instance.compute_log_manager.get_log_data(key).stdout


def test_a_check_that_blocks_keeps_its_table_from_those_that_need_it(run):
    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="checked", blocking=True)])
    def checked():
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    result = run([checked, named("after", lambda: None, "checked")])
    assert not result.success
    assert "after" not in steps(result, "STEP_START")


def test_what_ends_a_thread_ends_the_run(run):
    def leave():
        raise SystemExit(3)

    assert not run([named("leaves", leave), named("after", lambda: None, "leaves")]).success


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_at_once_whatever_its_steps_do(run, sent):
    ended = threading.Event()

    def compute():
        os.kill(os.getpid(), sent)
        ended.wait(SECONDS)

    began = time.monotonic()
    result = run([named("long", compute), named("after", lambda: None, "long")])
    ended.set()
    assert time.monotonic() - began < SECONDS
    assert not result.success
    assert why_failed(result.all_events) == "its process was stopped"
    assert "after" not in steps(result, "STEP_START")


def test_a_run_tells_its_process(run):
    result = run([named("a", lambda: None)])
    [event] = [one for one in result.all_events if one.is_engine_event and PID_TAG in one.engine_event_data.metadata]
    told = event.engine_event_data.metadata
    assert (told["pid"].value, told[PID_TAG].value) == (str(os.getpid()), this_process())


def test_events_are_stored_in_the_order_in_which_they_happen(run):
    assets = [named(f"t{number}", lambda: None, *[f"t{number - 1}"] * (number % 3 > 0)) for number in range(12)]
    with dagster_instance() as instance:
        result = run(assets, instance=instance)
        stored = [entry.dagster_event for entry in instance.all_logs(result.run_id) if entry.dagster_event]
    assert result.success
    planned = "ASSET_MATERIALIZATION_PLANNED"
    found = [(event.step_key, event.event_type_value) for event in stored if event.event_type_value != planned]
    for number in range(12):
        of_step = [kind for key, kind in found if key == f"t{number}"]
        assert (of_step[0], of_step[-1]) == ("STEP_START", "STEP_SUCCESS")


def test_filters_of_warnings_that_steps_leave_to_each_other_do_no_harm(run, recwarn):
    is_reset, is_saved, is_over = threading.Event(), threading.Event(), threading.Event()

    def resets():
        with warnings.catch_warnings():
            warnings.resetwarnings()
            is_reset.set()
            assert is_saved.wait(SECONDS)
        is_over.set()

    def saves():
        assert is_reset.wait(SECONDS)
        with warnings.catch_warnings():
            is_saved.set()
            assert is_over.wait(SECONDS)

    def warns():
        assert not warnings.filters
        warnings.warn("of old", DeprecationWarning, stacklevel=1)
        warnings.warn("of the user", UserWarning, stacklevel=1)

    before = list(warnings.filters)
    assert run([named("a", resets), named("b", saves), named("c", warns, "a", "b")]).success
    assert warnings.filters == before
    assert [str(warning.message) for warning in recwarn if "of " in str(warning.message)] == ["of the user"]
