import os
import signal
import time

import dagster as dg
import pytest

from spotify_assets.defs.failures import what_failed, why_failed
from spotify_assets.targets.publishing import TargetError

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TargetError("mysql: no server answers"), "writes: mysql: no server answers"),
        (KeyError("track"), "writes: KeyError: 'track'"),
    ],
)
def test_a_failure_is_told_without_the_class_of_our_own_errors(error, expected):
    @dg.asset
    def writes() -> None:
        raise error

    done = dg.materialize([writes], instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert why_failed(done.all_events) == expected


def test_a_run_that_is_stopped_says_so():
    @dg.asset
    def long() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    done = dg.materialize([long], instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert why_failed(done.all_events) == "long: its process was stopped"


def test_a_run_that_fails_before_its_first_step_says_why():
    @dg.resource
    def broken(_):
        raise TargetError("mysql: no server answers")

    @dg.asset(required_resource_keys={"broken"})
    def needs() -> None: ...

    done = dg.materialize(
        [needs], instance=dg.DagsterInstance.ephemeral(), resources={"broken": broken}, raise_on_error=False
    )
    assert not done.success
    assert why_failed(done.all_events) == "mysql: no server answers"
    assert what_failed(done.all_events) == "TargetError"
