from datetime import UTC, datetime

import pytest
from pyspark.sql import functions as F

from spotify_assets.lake import tables
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.refresh.frames import LakeFrames
from spotify_assets.refresh.listener_groups import ListenerGroup, is_by_listener, listener_groups
from spotify_assets.sandbox.exports import format_export
from spotify_assets.sandbox.history import Listening, extended_history
from spotify_assets_tests.conftest import extended

BY_LISTENER = [table for table in lineage.computed_tables() if is_by_listener(table)]
YEARS = datetime(2023, 11, 20, tzinfo=UTC), datetime(2024, 2, 10, tzinfo=UTC)
CATALOGUE = b"artist,song,duration_ms,energy,valence,genre\nBand,Song,200000,0.5,0.5,pop\n"


@pytest.fixture
def three(prepared):
    """Three listeners who heard the same, and each something else too."""
    histories = {
        f"{name}/generated.json": format_export(extended_history(Listening(150, *YEARS, seed)).to_pylist())
        for seed, name in enumerate(("anna", "ben", "chloe"), start=1)
    }
    shared = {
        f"{name}/shared.json": [extended(f"2024-0{month}-05T1{hour}:37:00Z") for hour in range(7 - month)]
        for month, name in enumerate(("anna", "ben", "chloe"), start=1)
    }
    return prepared(histories | shared, lambda world: world.landing.land("catalog/songs.csv", CATALOGUE))


def rows_of(frame, table):
    return sorted(
        frame.select(*[F.to_json(F.struct(*TABLES[table].columns)).alias("row")]).toArrow()["row"].to_pylist()
    )


@pytest.mark.integration
@pytest.mark.metrics
def test_groups_of_listeners_have_the_rows_of_all_together(three):
    frames = three.frames
    groups = [ListenerGroup(("chloe",)), ListenerGroup(("anna",)), ListenerGroup(("anna", "chloe"), are_others=True)]
    differing, filled = [], []
    for table in BY_LISTENER:
        parts = [rows_of(frames.compute(table, group=group), table) for group in groups]
        together = rows_of(frames.compute(table), table)
        if sorted(row for part in parts for row in part) != together:
            differing.append(table)
        if all(parts):
            filled.append(table)
    assert not differing
    # Not each listener has rows of these.
    empty = {"coverage_gaps", "trips", "episode_metrics", "show_metrics", "era_activity", "audio_profile"}
    assert {*BY_LISTENER} - {*filled} <= empty | {"listening_streaks"}


@pytest.mark.integration
@pytest.mark.metrics("track_metrics", "top_charts")
@pytest.mark.parametrize("table", ["track_metrics", "top_charts"])
def test_a_table_written_by_groups_is_one_commit_with_the_same_rows(three, table):
    before = three.rows(table)
    version = three.lake.open(table).version()
    three.overrides["max_records_a_run"] = 50
    frames = three.frames
    groups = frames.listener_groups(table)
    assert len(groups) == 3
    commit = frames.write_by_listener(table, groups)
    assert int(commit["version"]) == version + 1
    assert three.rows(table) == before
    assert before


@pytest.mark.integration
@pytest.mark.metrics("top_charts")
def test_a_table_of_whose_groups_one_asked_an_older_version_is_outdated(three, monkeypatch):
    three.overrides["max_records_a_run"] = 50
    frames = three.frames
    groups = frames.listener_groups("top_charts")
    monkeypatch.setattr(tables, "RECENT_SECONDS", 0)
    compute, calls = LakeFrames.compute, []

    def compute_and_change(self, name, keys=(), group=None):
        computed = compute(self, name, keys, group)
        if not calls:
            three.lake.write("dim_listener", TABLES["dim_listener"].arrow_schema.empty_table(), mode="append")
        calls.append(group)
        return computed

    monkeypatch.setattr(LakeFrames, "compute", compute_and_change)
    frames.write_by_listener("top_charts", groups)
    assert calls == groups
    written = three.lake.open("top_charts").history(1)[0]["userMetadata"]
    assert "outdated" in written


def test_tables_of_all_listeners_are_computed_at_once():
    assert not is_by_listener("listener_affinity")
    assert not is_by_listener("dim_track")
    assert not is_by_listener("daily_track_plays")
    assert is_by_listener("top_charts")


@pytest.mark.integration
@pytest.mark.metrics("track_metrics")
def test_groups_are_of_about_equal_size_and_the_last_has_everybody_else(three):
    settings = three.settings.model_copy(update={"max_records_a_run": 1})
    groups = listener_groups("track_metrics", three.lake, settings, lambda table: 4)
    assert groups == [ListenerGroup(("anna",)), ListenerGroup(("anna",), are_others=True)]
    assert listener_groups("track_metrics", three.lake, settings, lambda table: 2) == []
    assert listener_groups("dim_track", three.lake, settings, lambda table: 4) == []
    assert len(listener_groups("track_metrics", three.lake, settings, lambda table: 1_000_000)) == 3


@pytest.mark.integration
def test_one_listener_is_one_group(prepared):
    world = prepared({"anna/a.json": [extended("2024-01-31T13:37:00Z"), extended("2024-02-29T13:37:00Z")]})
    world.overrides["max_records_a_run"] = 1
    assert world.frames.listener_groups("track_metrics") == []
