"""The check of the popularity model as Dagster runs it."""

import dagster as dg
import pytest

from spotify_assets_tests.defs.checks.test_catalog import hold
from spotify_assets_tests.defs.checks.test_history import check

__all__ = ["check", "hold"]  # fixtures

SCORES = {"model_version": "abc", "tracks": 900, "artists": 60, "rmse": 9.5, "linear_rmse": 9.0, "mean_rmse": 12.0}


def test_a_model_that_does_not_beat_the_baselines_fails(world, hold, check):
    hold("popularity_model", SCORES | {"beats_baselines": False})
    found = check(world, "popularity_model", "beats_baselines")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "is 9.50 points of popularity, that of the mean 12.00, that of a linear model 9.00" in found.description


@pytest.mark.parametrize("rows", [[], [SCORES | {"beats_baselines": True}]], ids=["no model", "better"])
def test_a_better_model_passes_and_so_does_none(world, hold, check, rows):
    hold("popularity_model", *rows)
    assert check(world, "popularity_model", "beats_baselines").passed
