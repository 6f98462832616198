"""Sensors and schedules after a clock that was ahead, by Dagster's own judgement of when they are due."""

import time
from datetime import UTC, datetime

import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.sensor import get_elapsed

from spotify_assets.defs.ticks import bring_back_ticks

AHEAD = datetime(2045, 12, 31, tzinfo=UTC).timestamp()


def add(instance, name, kind, data, *ticks):
    """Store the state of a sensor or schedule, and ticks of these times."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="none.py"), location_name="here")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "all"), name)
    instance.add_instigator_state(InstigatorState(origin, kind, InstigatorStatus.RUNNING, data))
    key = origin.get_id(), origin.get_selector().get_id()
    for at in ticks:
        more = {"end_timestamp": at + 1, "selector_id": key[1]}
        instance.create_tick(TickData(key[0], name, kind, TickStatus.SKIPPED, at, **more))
    return key


@pytest.mark.parametrize("at", [AHEAD, 1_700_000_000.0])
def test_a_sensor_is_due_again(instance, at):
    data = SensorInstigatorData(at, "key", 30, "cursor", last_tick_start_timestamp=at, last_tick_success_timestamp=at)
    key = add(instance, "a_sensor", InstigatorType.SENSOR, data, at - 30, at)
    bring_back_ticks(instance)
    state = instance.get_instigator_state(*key)
    was_right = at < time.time()
    assert (get_elapsed(state) >= 0, state.instigator_data.cursor) == (True, "cursor")
    assert (state.instigator_data == data) == was_right
    first, second = sorted(tick.timestamp for tick in instance.get_ticks(*key))
    assert (second <= time.time(), round(second - first), (second == at)) == (True, 30, was_right)


def test_a_schedule_goes_on_from_now(instance):
    data = ScheduleInstigatorData("0 3 * * 0", AHEAD - 9, AHEAD)
    key = add(instance, "a_schedule", InstigatorType.SCHEDULE, data, AHEAD)
    bring_back_ticks(instance)
    state, [tick] = instance.get_instigator_state(*key).instigator_data, instance.get_ticks(*key)
    times = [state.start_timestamp, state.last_iteration_timestamp, tick.timestamp, tick.tick_data.end_timestamp - 1]
    assert all(abs(found - time.time()) < 60 for found in times)
    assert state.cron_schedule == "0 3 * * 0"
