"""Ticks of sensors and schedules that lie beyond this machine's clock, since it was ahead of the right time."""

import time
from typing import Any

import dagster as dg

# Dagster has no public name for it; if it moves, this import fails.
from dagster._core.scheduler.instigation import InstigatorTick

# Clocks of machines that share an instance may differ by so much (seconds).
CLOCK_SKEW = 300.0


def bring_back_ticks(instance: dg.DagsterInstance) -> None:
    """Move ticks, and the times that Dagster keeps of sensors and schedules, back to now where they lie beyond it.

    Dagster evaluates a sensor again once some seconds have passed since its last tick, and a schedule for times after
    its last one. After a clock that was ahead by a year, neither would do anything for a year.
    """
    now = time.time()
    for state in instance.all_instigator_state():
        if data := state.instigator_data:
            kept = {name: value for name, value in data._asdict().items() if name.endswith("_timestamp")}
            moved: dict[str, Any] = {name: now for name, value in kept.items() if value and value > now + CLOCK_SKEW}
            if moved:
                instance.update_instigator_state(state.with_data(data._replace(**moved)))
        if state.selector_id:
            _bring_back(instance, state.instigator_origin_id, state.selector_id, now)


def _bring_back(instance: dg.DagsterInstance, origin_id: str, selector_id: str, now: float) -> None:
    """Move the ticks of a sensor or schedule together, so that the last one, which counts, stays the last."""
    ticks = instance.get_ticks(origin_id, selector_id, after=now + CLOCK_SKEW)
    ahead = max((tick.timestamp for tick in ticks), default=now) - now
    for tick in ticks:
        data = tick.tick_data
        ended = data.end_timestamp and data.end_timestamp - ahead
        moved = data._replace(timestamp=data.timestamp - ahead, end_timestamp=ended)
        instance.update_tick(InstigatorTick(tick.tick_id, moved))
