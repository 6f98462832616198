"""The fit of the popularity model, on rows whose popularity follows a known function."""

import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from spotify_assets.model import TABLES
from spotify_assets.model.popularity import MIN_ARTISTS, MIN_TRACKS, MODEL_FEATURES
from spotify_assets.transforms import popularity_fit
from spotify_assets.transforms.popularity_fit import Fit, data_of, fit_popularity
from spotify_assets_tests.transforms.popularity_rows import LOVED, noise, popularity_rows, quick_fits

pytestmark = pytest.mark.integration

COLUMNS = ["recording_key", "artist_key", "popularity", *MODEL_FEATURES]


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, TABLES["popularity_tracks"].arrow_schema).select(COLUMNS)


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    with quick_fits():
        yield


@pytest.fixture(scope="module")
def fit() -> Fit:
    found = fit_popularity(table(popularity_rows()), 1)
    assert found is not None
    return found


def test_the_model_finds_what_makes_a_track_popular_and_beats_the_baselines(fit):
    scores = fit.scores
    assert scores["beats_baselines"]
    # 2 points of chance, and 29 of popularity between the middle and the ends.
    assert scores["rmse"] < 6 < 0.6 * min(scores["linear_rmse"], scores["mean_rmse"])
    assert scores["r2"] > 0.85 > 0.4 > scores["linear_r2"]
    assert abs(scores["mean_r2"]) < 0.05
    assert (scores["tracks"], scores["artists"], scores["trained_tracks"]) == (900, 60, 900)


def test_the_feature_that_decides_comes_first(fit):
    ranked = [(row["feature_rank"], row["feature"]) for row in fit.features]
    assert ranked[0] == (1, LOVED)
    assert sorted(name for _, name in ranked) == sorted(MODEL_FEATURES)
    known = {row["feature"]: row["known_share"] for row in fit.features}
    assert (known[LOVED], known["valence"]) == (1, 0)
    assert {row["feature"]: row["importance"] for row in fit.features}["valence"] == 0


def test_its_effect_is_the_function(fit):
    effect = [row["predicted_popularity"] for row in fit.effects if row["feature"] == LOVED]
    middle = len(effect) // 2
    assert min(effect[0], effect[-1]) > 30 + min(effect[middle - 1 : middle + 1])
    genres = [row["genre_family"] for row in fit.effects if row["feature"] == "genre_family"]
    assert sorted(genres) == ["jazz", "pop", "rock"]
    assert not [row for row in fit.effects if row["feature"] == "valence"]


def test_no_artist_is_in_two_parts_and_each_has_some():
    data = data_of(table(popularity_rows()))
    parts = {artist: set(data.folds[data.artists == artist]) for artist in np.unique(data.artists)}
    assert {len(of_artist) for of_artist in parts.values()} == {1}
    assert {*data.folds} == {0, 1, 2, 3, 4}
    told = {artist: set(data.is_validation[data.artists == artist]) for artist in np.unique(data.artists)}
    assert {len(of_artist) for of_artist in told.values()} == {1}


def test_the_part_of_an_artist_depends_on_nobody_else():
    every, some = data_of(table(popularity_rows())), data_of(table(popularity_rows(artists=20)))
    of_artist = dict(zip(every.artists, every.folds, strict=True))
    assert all(of_artist[artist] == fold for artist, fold in zip(some.artists, some.folds, strict=True))


def test_a_model_has_not_seen_what_it_predicts(monkeypatch):
    """Artists of each part are predicted by the model that was fitted without that part."""
    learned = []
    trees = popularity_fit._trees

    def note(data, rows, features):
        learned.append({*data.artists[rows]})
        return trees(data, rows, features)

    monkeypatch.setattr(popularity_fit, "_trees", note)
    popularity_fit._last.clear()
    monkeypatch.setitem(popularity_fit.PARAMETERS, "max_iter", 2)
    rows = table(popularity_rows())
    found = fit_popularity(rows, 1)
    artists = dict(zip(rows["recording_key"].to_pylist(), rows["artist_key"].to_pylist(), strict=True))
    for row in found.predictions.to_pylist():
        # Two models a part: with and without the popularity of the artist's other tracks.
        of_part = learned[2 * row["fold"] : 2 * row["fold"] + 2]
        assert all(artists[row["recording_key"]] not in seen for seen in of_part)
    assert learned[-1] == {*artists.values()}


def test_the_same_rows_in_another_order_give_the_same_numbers(fit):
    again = popularity_rows()
    again.reverse()
    popularity_fit._last.clear()
    found = fit_popularity(table(again), 1)
    assert (found.scores, found.features, found.effects) == (fit.scores, fit.features, fit.effects)
    assert found.predictions.equals(fit.predictions)


def test_rows_are_fitted_once(fit, monkeypatch):
    monkeypatch.setattr(popularity_fit, "_last", {fit.scores["model_version"]: fit})
    monkeypatch.setattr(popularity_fit, "_fit", lambda *_: pytest.fail("fitted again"))
    assert fit_popularity(table(popularity_rows()), 1) is fit


def test_another_popularity_is_another_version(fit, monkeypatch):
    versions = []
    monkeypatch.setattr(popularity_fit, "_fit", lambda _, about, note: versions.append(about["model_version"]))
    monkeypatch.setattr(popularity_fit, "_last", {})
    rows = popularity_rows()
    rows[0]["popularity"] += 1
    fit_popularity(table(rows), 1)
    fit_popularity(table(popularity_rows()), 1)
    assert versions[0] != versions[1] == fit.scores["model_version"]


def test_nothing_to_be_found_does_not_beat_the_baselines(monkeypatch):
    monkeypatch.setattr(popularity_fit, "_last", {})
    scores = fit_popularity(table(popularity_rows(noise)), 1).scores
    assert not scores["beats_baselines"]
    assert scores["rmse"] > 0.99 * scores["mean_rmse"]


@pytest.mark.parametrize(
    ("artists", "each"), [(MIN_ARTISTS - 1, 20), (MIN_TRACKS // 10 + 1, 9), (0, 1)], ids=["artists", "tracks", "none"]
)
def test_too_few_make_no_model(artists, each):
    assert fit_popularity(table(popularity_rows(artists=artists, each=each)), 0) is None


def test_ids_that_spotify_replaced_are_left_out(monkeypatch):
    monkeypatch.setattr(popularity_fit, "_fit", lambda data, about, note: (len(data.keys), about["unused_tracks"]))
    monkeypatch.setattr(popularity_fit, "_last", {})
    rows = popularity_rows()
    for row, low in zip(rows, (0, 1, 4, 5), strict=False):
        row["popularity"] = low
    assert fit_popularity(table(rows), 1) == (897, 3)


def test_without_the_library_there_is_no_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert fit_popularity(table(popularity_rows()), 1) is None


def test_of_many_tracks_models_learn_from_a_sample_of_artists(monkeypatch):
    monkeypatch.setattr(popularity_fit, "MOST_TRAINED", 300)
    data = data_of(table(popularity_rows()))
    sampled = {*data.artists[data.is_sampled]}
    assert 200 < data.is_sampled.sum() <= 300
    assert not sampled & {*data.artists[~data.is_sampled]}
