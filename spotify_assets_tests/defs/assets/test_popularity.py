"""The popularity model as Dagster computes it: files, metadata and staleness."""

import base64
import re

import dagster as dg
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs.assets import popularity
from spotify_assets.refresh import lineage, staleness
from spotify_assets.transforms import popularity_fit
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.readers.test_metadata import line
from spotify_assets_tests.readers.test_playlists import track
from spotify_assets_tests.transforms.popularity_rows import popularity_csv, quick_fits

TABLES = [table for table in lineage.computed_tables() if table.startswith("popularity_")]
OF_MODEL = {"popularity_model", "popularity_model_features", "popularity_model_effects", "popularity_predictions"}
# What `popularity_tracks` is computed from, and that.
WHAT_IT_NEEDS = [
    *("catalog_artists", "catalog_features", "catalog_albums", "catalog_track_metadata", "catalog_tracks"),
    "popularity_tracks",
]
pytestmark = [pytest.mark.integration, pytest.mark.metrics(*OF_MODEL)]


@pytest.fixture
def few_trees():
    with quick_fits():
        yield


@pytest.fixture
def materialize(world):
    def materialize(*tables):
        done = (
            definitions(world.settings)
            .resolve_job_def("refresh_tables")
            .execute_in_process(
                asset_selection=[dg.AssetKey(table) for table in tables], instance=dg.DagsterInstance.ephemeral()
            )
        )
        assert done.success
        (made,) = done.asset_materializations_for_node("popularity_model")
        return {name: value.value for name, value in made.metadata.items()}

    return materialize


def test_a_model_has_its_file_scores_and_plots(world, few_trees, materialize):
    world.landing.land("catalog/a.csv", popularity_csv())
    world.ingest()
    world.refresh(*WHAT_IT_NEEDS)
    found = materialize("popularity_model")
    (row,) = world.rows("popularity_model")
    assert row["beats_baselines"]
    assert found["model_file"] == f"{world.settings.lake_uri}/_models/popularity/{row['model_version']}.joblib"
    assert f"| the model | {row['mae']:.2f} | {row['rmse']:.2f} |" in found["scores"]
    for plot in ("calibration", "importance"):
        picture = re.search(r"\(data:image/png;base64,([^)]+)\)", found[plot])[1]
        assert base64.b64decode(picture).startswith(b"\x89PNG")
    # The file is gone with the catalogue.
    (world.root / "landing/catalog/a.csv").unlink()
    world.ingest()
    world.refresh("popularity_tracks")
    assert "fewer than 500 tracks or 50 artists" in materialize("popularity_model")["no model"]
    assert world.rows("popularity_model") == []
    assert not list((world.root / "lake").glob("_models/**/*.joblib"))


def test_rows_that_change_while_it_is_fitted_are_fitted_next(world, few_trees, materialize, monkeypatch):
    world.landing.land("catalog/a.csv", popularity_csv())
    world.ingest()
    world.refresh(*WHAT_IT_NEEDS)
    fit = popularity_fit._fit

    def slow(*arguments):
        # As another run does, which notes what it has computed them from.
        rows = world.lake.read("popularity_tracks").slice(100)
        world.frames.write("popularity_tracks", world.spark.createDataFrame(rows), ())
        return fit(*arguments)

    monkeypatch.setattr(popularity_fit, "_fit", slow)
    materialize("popularity_model")
    stale = staleness.stale(world.lake, world.settings).whole
    assert "popularity_model" in stale
    assert "popularity_tracks" not in stale


def test_listening_and_responses_do_not_fit_it_again(world, few_trees, monkeypatch):
    world.landing.land("catalog/a.csv", popularity_csv())
    world.land("anna/a.json", [extended("2024-01-31T13:37:00Z")])
    world.sync()
    assert len(world.rows("popularity_predictions")) == 900
    before = {table: world.rows(table) for table in TABLES}
    monkeypatch.setattr(popularity_fit, "_fit", lambda *_: pytest.fail("fitted again"))
    popularity_fit._last.clear()
    world.land("anna/b.json", [extended("2024-02-10T00:00:00Z")])
    world.landing.land(
        "metadata/tracks/a.ndjson", line("Song0000000000000000AB", track("Song") | {"popularity": 99}).encode()
    )
    world.ingest()
    stale = staleness.stale(world.lake, world.settings)
    assert {"plays", "track_metadata"} & {*stale.whole, *stale.windows}
    assert not {*TABLES} & {*stale.whole}
    world.sync()
    assert {table: world.rows(table) for table in TABLES} == before


def test_a_catalogue_without_popularity_has_no_model(world):
    world.landing.land("catalog/a.csv", b"track_name,artist_name,danceability\nSong,Band,0.5\n")
    world.sync()
    assert {table: world.rows(table) for table in TABLES} == {table: [] for table in TABLES}
    assert not staleness.stale(world.lake, world.settings)


def test_another_version_of_the_library_fits_it_again(world, few_trees, monkeypatch):
    world.landing.land("catalog/a.csv", popularity_csv(artists=10))
    world.sync()
    monkeypatch.setattr(staleness, "installed_version", lambda name: f"{name} 0.0")
    assert {*staleness.stale(world.lake, world.settings).whole} == OF_MODEL


def test_without_the_library_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(popularity, "installed_version", lambda _: staleness.MISSING)
    assert popularity.why_no_model() == "scikit-learn is not installed: `pip install scikit-learn`, then sync."
