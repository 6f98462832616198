"""Ticks that wait; test_ui.py waits for a landed file."""

import os
import threading
import time

import dagster as dg
import pytest

from spotify_assets.defs import waiting
from spotify_assets.defs.waiting import Moments, first_request, interval_seconds
from spotify_assets.ui_files import UI_FILE

THREADS = {"sensors": {"use_threads": True}}


@pytest.fixture
def ui(tmp_path, monkeypatch):
    """The file that is there as long as the UI is."""
    file = tmp_path / "workspace.yaml"
    file.touch()
    monkeypatch.setenv(UI_FILE, str(file))
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 1.0)
    return file


def moments(tmp_path, settings, overrides=THREADS, before=lambda moments: None):
    """Seconds after which there were moments, and after which there were no more."""
    began, seen = time.monotonic(), []
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        looked = Moments(dg.build_sensor_context(instance=instance), settings)
        for _ in looked:
            seen.append(time.monotonic() - began)
            before(looked)
    return seen, time.monotonic() - began


def test_only_in_the_ui_ticks_follow_soon_after_another(monkeypatch):
    monkeypatch.delenv(UI_FILE, raising=False)
    assert interval_seconds() == waiting.INTERVAL_SECONDS
    monkeypatch.setenv(UI_FILE, "file")
    assert interval_seconds() == waiting.INTERVAL_OF_WAITING_SECONDS


@pytest.mark.parametrize("overrides", [{}, THREADS])
def test_without_the_ui_or_threads_nothing_is_waited_for(tmp_path, settings, ui, overrides):
    if overrides:
        ui.unlink()
    (tmp_path / "home").mkdir()
    seen, ended = moments(tmp_path / "home", settings, overrides)
    assert len(seen) == 1
    assert ended - seen[0] < waiting.WAIT_SECONDS / 2


def test_a_change_is_a_moment_and_waiting_ends(tmp_path, settings, ui, monkeypatch):
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 3.0)
    (tmp_path / "home").mkdir()
    landed = tmp_path / "landing/history/anna/a.json"
    landed.parent.mkdir(parents=True)
    timer = threading.Timer(0.3, lambda: landed.write_text("[]"))
    seen, ended = moments(tmp_path / "home", settings, before=lambda _: timer.ident or timer.start())
    timer.join()
    assert len(seen) == 2
    assert ended - seen[0] >= waiting.WAIT_SECONDS * 0.9


def test_what_needs_time_is_a_moment_without_a_change(tmp_path, settings, ui, monkeypatch):
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 30.0)
    (tmp_path / "home").mkdir()
    told = iter([0.1, 0.1])

    def once_more(looked):
        if seconds := next(told, None):
            looked.look_again_in(seconds)
        else:
            ui.unlink()

    assert len(moments(tmp_path / "home", settings, before=once_more)[0]) == 3


@pytest.mark.parametrize("waits", [True, False])
def test_runs_are_looked_at_where_one_is_waited_for(tmp_path, settings, ui, monkeypatch, waits):
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 30.0)
    home = tmp_path / "home"
    home.mkdir()
    count = iter(range(9))

    def run_ends(looked):
        if next(count):
            ui.unlink()
            return
        if waits:
            looked.wait_for_runs()
        else:
            threading.Timer(0.5, ui.unlink).start()
        os.utime(home / "history/runs.db", (1, 1))

    assert len(moments(home, settings, before=run_ends)[0]) == 1 + waits


def test_stopping_the_ui_ends_it(tmp_path, settings, ui):
    (tmp_path / "home").mkdir()
    seen, ended = moments(tmp_path / "home", settings, before=lambda _: os.unlink(ui))
    assert len(seen) == 1
    assert ended - seen[0] < waiting.WAIT_SECONDS / 2


def test_a_tick_ends_with_the_first_result_that_requests_a_run(tmp_path, settings, ui, monkeypatch):
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 30.0)
    (tmp_path / "home").mkdir()
    told = [dg.SkipReason("nothing"), dg.SensorResult(skip_reason="noted", cursor="1")]
    requested = dg.SensorResult(run_requests=[dg.RunRequest()])
    results = iter([*told, requested])

    def tick(context, settings, looked):
        looked.look_again_in(0.05)
        return next(results)

    with dg.instance_for_test(overrides=THREADS, temp_dir=str(tmp_path / "home")) as instance:
        assert first_request(tick, dg.build_sensor_context(instance=instance), settings) is requested


def test_without_a_request_the_last_result_counts(tmp_path, settings, ui):
    ui.unlink()
    (tmp_path / "home").mkdir()
    noted = dg.SensorResult(skip_reason="noted", cursor="1")
    with dg.instance_for_test(overrides=THREADS, temp_dir=str(tmp_path / "home")) as instance:
        context = dg.build_sensor_context(instance=instance)
        assert first_request(lambda *_: noted, context, settings) is noted
