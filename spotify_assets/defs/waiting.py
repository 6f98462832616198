"""Ticks that wait for something to do instead of ending at once: a change is noticed within seconds, by fewer ticks.

Each tick takes Dagster 0.1 s of CPU, and comparing the times of files some milliseconds. `spotify-assets ui` has its
sensors wait; a daemon of your own, which evaluates one sensor after another unless told otherwise, doesn't.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from spotify_assets.defs.unchanged import state_of_files
from spotify_assets.settings import Settings
from spotify_assets.ui_files import UI_FILE, version_of_runs

# A tick of Dagster may take 60 s.
WAIT_SECONDS = 40.0
LOOK_SECONDS = 1.0
# Looking takes at most this part of the time: less often where many files are landed.
SHARE_OF_LOOKING = 0.01
# From the start of a tick to that of the next.
INTERVAL_SECONDS = 30
INTERVAL_OF_WAITING_SECONDS = 5

Told = dg.SensorResult | dg.SkipReason
Tick = Callable[[dg.SensorEvaluationContext, Settings, "Moments"], Told]


def interval_seconds() -> int:
    """Minimum interval of the sensors: short where ticks wait, so that a new one begins soon after one that waited."""
    return INTERVAL_OF_WAITING_SECONDS if UI_FILE in os.environ else INTERVAL_SECONDS


class Moments:
    """The moments of a tick at which there may be something to do: now, and then after each change.

    Changes are those of `state_of_files`, and of Dagster's runs where `wait_for_runs` was called.
    """

    def __init__(self, context: dg.SensorEvaluationContext, settings: Settings) -> None:
        self._instance = context.instance
        self._settings = settings
        self._look_at = float("inf")
        self._waits_for_runs = False

    def wait_for_runs(self) -> None:
        """A run is under way, and its end is to be noticed. Its database changes without runs, too."""
        self._waits_for_runs = True

    def look_again_in(self, seconds: float) -> None:
        """There will be something to do after so many seconds, also without a change."""
        self._look_at = time.monotonic() + seconds

    def __iter__(self) -> Iterator[None]:
        end = time.monotonic() + WAIT_SECONDS
        seen = self._state()
        yield
        while self._may_wait() and time.monotonic() < end:
            began = time.monotonic()
            now = self._state()
            if self._is_changed(seen, now) or began >= self._look_at:
                seen, self._look_at, self._waits_for_runs = now, float("inf"), False
                yield
                began = time.monotonic()
            time.sleep(max(LOOK_SECONDS, (time.monotonic() - began) / SHARE_OF_LOOKING))

    def _state(self) -> tuple[str, list[int]]:
        return state_of_files(self._settings), version_of_runs(self._instance.root_directory)

    def _is_changed(self, before: tuple[str, list[int]], now: tuple[str, list[int]]) -> bool:
        return before != now if self._waits_for_runs else before[0] != now[0]

    def _may_wait(self) -> bool:
        """Whether no other sensor waits for this one, nor somebody who stops the UI."""
        has_threads = self._instance.get_sensor_settings().get("use_threads")
        return bool(has_threads) and Path(os.environ.get(UI_FILE, "/nowhere")).exists()


def first_request(tick: Tick, context: dg.SensorEvaluationContext, settings: Settings) -> Told:
    """The first result of these moments that requests a run; the last one if none does."""
    moments = Moments(context, settings)
    for _ in moments:
        told = tick(context, settings, moments)
        if isinstance(told, dg.SensorResult) and told.run_requests:
            break
    return told
