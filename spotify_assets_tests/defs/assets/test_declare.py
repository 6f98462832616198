"""Assets follow from the settings that they are built with, and from nothing else."""

import warnings
from types import ModuleType

import dagster as dg
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs.assets.declare import build, lake_table
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import World, extended
from spotify_assets_tests.defs.describe import describe

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("grain", "first"), [("monthly", "2024-05-01"), ("weekly", "2024-05-27"), ("daily", "2024-05-29")]
)
def test_partitions_follow_from_the_settings(grain, first):
    defs = definitions(load_settings(plays_grain=grain, plays_start="2024-05-29", snapshots_start="2024-06-01"))
    for table in ("plays", "hourly_listening", "fct_plays"):
        assert defs.resolve_assets_def(table).partitions_def.get_first_partition_key() == first
    assert defs.resolve_assets_def("raw_playlists").partitions_def.get_first_partition_key() == "2024-06-01"


def test_the_environment_decides_nothing(monkeypatch):
    settings = load_settings()
    before = describe(definitions(settings))
    monkeypatch.setenv("SPOTIFY_ASSETS_PLAYS_GRAIN", "daily")
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "an-app")
    assert describe(definitions(settings)) == before


def test_definitions_leave_others_as_they_are():
    monthly = definitions(load_settings())
    before = describe(monthly)
    definitions(load_settings(plays_grain="daily", client_id="an-app", client_secret="a-secret"))
    assert describe(monthly) == before


def test_two_lakes_of_different_grains_are_computed_side_by_side(tmp_path, spark):
    anna = World(tmp_path / "anna", spark)
    ben = World(
        tmp_path / "ben", spark, {"plays_grain": "daily", "plays_start": "2024-01-01", "timezone": "Asia/Tokyo"}
    )
    anna.land("anna/a.json", [extended("2024-01-31T13:37:00Z"), extended("2024-02-01T13:37:00Z")])
    ben.land("ben/a.json", [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T23:37:00Z")])
    worlds = [(anna, definitions(anna.settings), "2024-01-01"), (ben, definitions(ben.settings), "2024-01-31")]
    partials = ("daily_track_plays", "hourly_listening", "monthly_content")
    names = ("plays", *partials, "dim_listener", "dim_recording", "track_metrics")
    computed = [dg.AssetKey(name) for name in names]
    for job, tables in (("read_history", None), ("refresh_tables", computed)):
        for _, defs, key in worlds:
            range_ = {f"dagster/asset_partition_range_{end}": key for end in ("start", "end")}
            defs.resolve_job_def(job).execute_in_process(
                asset_selection=tables, tags=range_ if tables else {}, instance=dg.DagsterInstance.ephemeral()
            )
    # A month of anna's, and a day of ben's.
    assert [(row["listener"], f"{row['local_date']}") for row in anna.rows("plays")] == [("anna", "2024-01-31")]
    assert sorted((row["listener"], f"{row['local_date']}") for row in ben.rows("plays")) == [
        ("ben", "2024-01-31"),
        ("ben", "2024-02-01"),
    ]
    assert [row["total_plays"] for row in anna.rows("track_metrics")] == [1]
    assert [row["total_plays"] for row in ben.rows("track_metrics")] == [2]


def test_only_a_modules_own_declarations_are_built():
    def fct_plays(plays):
        return plays

    module, importing = ModuleType("a_module"), ModuleType("another")
    fct_plays.__module__ = "a_module"
    module.fct_plays = importing.fct_plays = lake_table(fct_plays)
    [asset] = build([module, importing], load_settings())
    assert asset.key == dg.AssetKey("fct_plays")


def test_building_warns_of_nothing_and_mutes_nothing():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        definitions(load_settings())
        assert warnings.filters == before
    # What other tests left to the garbage collector warns whenever it is collected.
    assert [str(warning.message) for warning in caught if warning.category is not ResourceWarning] == []
