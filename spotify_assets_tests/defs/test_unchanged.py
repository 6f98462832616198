import os
import time

import pytest

from spotify_assets.defs import unchanged
from spotify_assets.defs.unchanged import QuietTicks, state_of_files
from spotify_assets.settings import load_settings


@pytest.mark.parametrize(
    "path",
    [
        "landing/history/anna/new.json",
        "landing/catalog/new.csv",
        "lake/facts/fct_plays/_delta_log/00000000000000000007.json",
        "lake/_syncs/1.json",
        "file.duckdb",
    ],
)
def test_a_new_file_and_a_commit_are_another_state(settings, tmp_path, path):
    (tmp_path / "landing/history/anna").mkdir(parents=True)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    before = state_of_files(settings)
    assert state_of_files(settings) == before
    (tmp_path / path).write_text("{}")
    assert state_of_files(settings) != before


def test_a_landed_file_that_changes_in_place_or_goes_is_another_state(settings, tmp_path):
    path = tmp_path / "landing/history/anna/a.json"
    path.parent.mkdir(parents=True)
    path.write_text("[1]")
    states = {state_of_files(settings)}
    path.write_text("[2]")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    states.add(state_of_files(settings))
    path.unlink()
    assert len(states | {state_of_files(settings)}) == 3


def test_landed_history_may_be_left_out(settings, tmp_path):
    (tmp_path / "landing/history/anna").mkdir(parents=True)
    (tmp_path / "landing/catalog/history").mkdir(parents=True)
    before = state_of_files(settings, has_history=False)
    (tmp_path / "landing/history/anna/new.json").write_text("[]")
    assert state_of_files(settings, has_history=False) == before
    (tmp_path / "landing/catalog/history/new.csv").write_text("id\n")
    assert state_of_files(settings, has_history=False) != before


def test_in_s3_there_is_no_short_cut():
    assert state_of_files(load_settings(lake_uri="s3://bucket/lake", landing_uri="s3://bucket/landing")) == ""


def test_a_tick_ends_early_in_the_same_state_with_the_same_settings_and_not_for_long(settings, monkeypatch):
    ticks = QuietTicks()
    assert ticks.told("a", settings, "same") == ""
    assert ticks.note("a", settings, "same", "nothing to do") == "nothing to do"
    assert ticks.told("a", settings, "same") == "nothing to do"
    assert ticks.told("b", settings, "same") == ""
    assert ticks.told("a", settings, "another") == ""
    assert ticks.told("a", settings.model_copy(update={"plays_grain": "day"}), "same") == ""
    now = time.time()
    for later in (unchanged.LOOK_AGAIN_SECONDS, -1):  # the clock was set back
        monkeypatch.setattr(unchanged.time, "time", lambda later=later: now + later)
        assert ticks.told("a", settings, "same") == ""


def test_without_a_state_every_tick_looks(settings):
    ticks = QuietTicks()
    ticks.note("a", settings, "", "nothing to do")
    assert ticks.told("a", settings, "") == ""
