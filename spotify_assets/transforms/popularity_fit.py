"""Fit the popularity model: gradient-boosted trees, in this process, on Arrow rows of `popularity_tracks`.

Artists are split into parts by a hash of their key, so that the split is the same for the same artists, whatever else
is there. A track is predicted by the model that has seen no track of its artist. What a model learns from is split the
same way again: trees are added as long as they help on artists that they don't fit.

Where a leak could be: `artist_popularity` is the mean of the artist's other tracks, never of the track itself, and so
of tracks that are in the same part as the track. That is what one knows of a new track of a known artist, and nothing
of what the model is scored on. Scores without it, as for an artist of whom nothing is known, are given beside it.

The same rows give the same numbers: one thread, fixed seeds, rows in order of their key, and results are rounded.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.model.genres import GENRE_FAMILIES
from spotify_assets.model.popularity import (
    CATEGORIES,
    ESTIMATES,
    FOLDS,
    MARGIN,
    MIN_ARTISTS,
    MIN_POPULARITY,
    MIN_TRACKS,
    MODEL_FEATURES,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Ints = np.ndarray[Any, np.dtype[np.int64]]

FAMILIES = tuple(GENRE_FAMILIES)
ARTIST = "artist_popularity"
# Of more tracks, the models learn from a sample of artists, which bounds time and memory; all tracks are predicted.
MOST_TRAINED = 50_000
# One of so many artists tells when to stop adding trees.
VALIDATION = 10
# Small trees, since artists that are held out differ: with 31 leaves the error on 1,600 real hits was 3 % larger.
PARAMETERS = {
    "learning_rate": 0.05,
    "max_iter": 500,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 30,
    "l2_regularization": 5.0,
    "max_features": 0.5,
    "n_iter_no_change": 20,
}
SEED = 0
# Permutation importance: tracks of a part of artists, and how often each feature is shuffled.
MOST_PERMUTED, REPEATS = 5_000, 3
# Partial dependence: tracks that it is the mean of, and values of a feature.
MOST_VARIED, STEPS = 300, 12
RARE_SHARE = 0.02
LOW, HIGH = 0.0, 100.0
DECIMALS = 3
SCORE_DECIMALS = 6


@dataclass(frozen=True)
class Fit:
    """What came of a fit.

    Attributes:
        scores: The row of `popularity_model`.
        features: Rows of `popularity_model_features`.
        effects: Rows of `popularity_model_effects`.
        predictions: `recording_key` and what `popularity_predictions` has of each.
        model: Trees that have learned from all artists (of the sample), for tracks that no file has.
    """

    scores: dict[str, Any]
    features: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    predictions: pa.Table
    model: "BaseEstimator"


@dataclass(frozen=True)
class Data:
    """Rows that are fitted, in order of their key.

    Attributes:
        keys: Keys of recordings.
        artists: Keys of artists.
        popularity: What is to be predicted.
        features: Columns of `MODEL_FEATURES`; NaN where unknown, and numbers for categories.
    """

    keys: "Ints"
    artists: "Ints"
    popularity: "Floats"
    features: "Floats"

    @property
    def mixed(self) -> "np.ndarray[Any, np.dtype[np.uint64]]":
        """A hash of each artist's key (SplitMix64), whose remainders split artists evenly."""
        mixed = self.artists.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))

    @property
    def folds(self) -> "Ints":
        """Part of artists that a row's artist is in."""
        return (self.mixed % np.uint64(FOLDS)).astype(np.int64)

    @property
    def is_validation(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Whether a row's artist tells when to stop, where its part is learned from."""
        return (self.mixed // np.uint64(FOLDS)) % np.uint64(VALIDATION) == 0

    @property
    def is_sampled(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Whether a row may be learned from: those of artists in order of their hash, up to `MOST_TRAINED` rows."""
        if len(self.keys) <= MOST_TRAINED:
            return np.ones(len(self.keys), bool)
        highest = np.sort(self.mixed)[MOST_TRAINED]
        return self.mixed < highest


def data_of(rows: pa.Table) -> Data:
    """Rows with a popularity of `MIN_POPULARITY` or more, as numbers.

    Args:
        rows: `recording_key`, `artist_key`, `popularity` and `MODEL_FEATURES` of rows of `popularity_tracks`.
    """
    rows = rows.filter(pc.greater_equal(rows["popularity"], MIN_POPULARITY)).sort_by("recording_key")
    columns = []
    for name in MODEL_FEATURES:
        column = rows[name]
        if name == "genre_family":
            column = pc.index_in(column, pa.array(FAMILIES))
        columns.append(column.cast(pa.float64()).to_numpy())
    return Data(
        rows["recording_key"].to_numpy(),
        rows["artist_key"].to_numpy(),
        rows["popularity"].to_numpy().astype(float),
        np.column_stack(columns).astype(float),
    )


# The tables of the model are computed one after the other, each from the same rows: the last fit is kept.
_last: dict[str, Fit] = {}


def fit_popularity(rows: pa.Table, files: int, note: Callable[[str], None] = lambda _: None) -> Fit | None:
    """Fit and score the model; None with too few artists or tracks, or without scikit-learn.

    Args:
        rows: `recording_key`, `artist_key`, `popularity` and `MODEL_FEATURES` of `popularity_tracks`, in any order.
        files: Number of files that their popularity is from.
        note: Is called with a line on each part of the work.
    """
    data = data_of(rows)
    if len(data.keys) < MIN_TRACKS or len(np.unique(data.artists)) < MIN_ARTISTS:
        return None
    try:
        import sklearn
    except ImportError:
        return None
    unused = len(rows) - len(data.keys)
    version = _fit_version(data, f"{sklearn.__version__} {files} {unused}")
    if version not in _last:
        with _one_thread():
            fitted = _fit(data, {"model_version": version, "files": files, "unused_tracks": unused}, note)
        _last.clear()
        _last[version] = fitted
    return _last[version]


def _fit_version(data: Data, more: str) -> str:
    """Hash of all that the fit depends on."""
    constants = (PARAMETERS, MIN_POPULARITY, FOLDS, VALIDATION, MOST_TRAINED, SEED, tuple(MODEL_FEATURES), FAMILIES)
    digest = hashlib.sha256(repr((constants, more)).encode())
    for values in (data.keys, data.artists, data.popularity, data.features):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:12]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads would add numbers up in another order each time."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def _fit(data: Data, about: dict[str, Any], note: Callable[[str], None]) -> Fit:
    """Fit and score models.

    Args:
        data: Rows.
        about: What else the row of `popularity_model` has.
        note: Is called with a line on each part of the work.
    """
    version = about["model_version"]
    folds, sampled = data.folds, data.is_sampled
    every = list(range(len(MODEL_FEATURES)))
    without_artist = [place for place, name in enumerate(MODEL_FEATURES) if name != ARTIST]
    estimates = {prefix: np.zeros(len(data.keys)) for prefix in ESTIMATES}
    importances, effects, weights = [], [], []
    for fold in range(FOLDS):
        held_out, learned = folds == fold, (folds != fold) & sampled
        if not held_out.any():
            continue
        note(f"popularity model: part {fold + 1} of {FOLDS}, {learned.sum():,} tracks to learn from")
        trees = _trees(data, learned, every)
        few = _trees(data, learned, without_artist)
        linear = _linear(data, learned)
        estimates[""][held_out] = trees.predict(data.features[held_out])
        estimates["without_artist_"][held_out] = few.predict(data.features[held_out][:, without_artist])
        estimates["linear_"][held_out] = linear.predict(data.features[held_out])
        estimates["mean_"][held_out] = data.popularity[learned].mean()
        weights.append(min(int(held_out.sum()), MOST_PERMUTED))
        importances.append(_importances(trees, data, held_out))
        effects.append(_effects(trees, data, held_out))
    predicted: dict[str, Any] = {
        prefix: np.round(np.clip(values, LOW, HIGH), DECIMALS) for prefix, values in estimates.items()
    }
    scores = {
        **about,
        "tracks": len(data.keys),
        "artists": len(np.unique(data.artists)),
        "trained_tracks": int(sampled.sum()),
        **{f"{prefix}{name}": score for prefix, p in predicted.items() for name, score in _scores(data, p).items()},
    }
    limit = (1 - MARGIN) * min(scores["mean_rmse"], scores["linear_rmse"])
    return Fit(
        scores | {"beats_baselines": scores["rmse"] <= limit, "mean_spearman": None},
        _feature_rows(data, version, np.array(importances), np.array(weights)),
        _effect_rows(data, version, effects, weights),
        pa.table(
            {
                "recording_key": data.keys,
                "predicted_popularity": predicted[""],
                "residual": np.round(data.popularity - predicted[""], DECIMALS),
                "linear_prediction": predicted["linear_"],
                "mean_prediction": predicted["mean_"],
                "fold": folds.astype(np.int32),
            }
        ),
        _trees(data, sampled, every),
    )


def _trees(data: Data, learned: "np.ndarray[Any, np.dtype[np.bool_]]", features: list[int]) -> "BaseEstimator":
    """Gradient-boosted trees, which take unknown values as they are."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    names = list(MODEL_FEATURES)
    model = HistGradientBoostingRegressor(
        **PARAMETERS,
        categorical_features=[place for place, own in enumerate(features) if names[own] in CATEGORIES],
        early_stopping=True,
        random_state=SEED,
    )
    fitted, validated = learned & ~data.is_validation, learned & data.is_validation
    if not validated.any():  # of few artists
        fitted = validated = learned
    known = data.features[fitted][:, features]
    # scikit-learn 1.9 refuses a column without any value; one of a single value is never split.
    known[:, np.isnan(known).all(axis=0)] = 0
    return model.fit(
        known,
        data.popularity[fitted],
        X_val=data.features[validated][:, features],
        y_val=data.popularity[validated],
    )


def _linear(data: Data, learned: "np.ndarray[Any, np.dtype[np.bool_]]") -> "BaseEstimator":
    """Ridge regression of standardized features; unknown values are the median, and known to be unknown."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categories = [place for place, name in enumerate(MODEL_FEATURES) if name in CATEGORIES]
    numbers = [place for place, name in enumerate(MODEL_FEATURES) if name not in CATEGORIES]
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((make_pipeline(imputer, StandardScaler()), numbers), (encoder, categories))
    return make_pipeline(columns, Ridge(alpha=1.0)).fit(data.features[learned], data.popularity[learned])


def _scores(data: Data, predicted: "Floats") -> dict[str, float]:
    from scipy.stats import spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    actual = data.popularity
    is_constant = np.ptp(predicted) == 0 or np.ptp(actual) == 0
    found = {
        "mae": mean_absolute_error(actual, predicted),
        "rmse": root_mean_squared_error(actual, predicted),
        "r2": r2_score(actual, predicted),
        "spearman": 0.0 if is_constant else spearmanr(actual, predicted).statistic,
    }
    return {name: round(float(value), SCORE_DECIMALS) for name, value in found.items()}


def _importances(model: "BaseEstimator", data: Data, held_out: "np.ndarray[Any, np.dtype[np.bool_]]") -> "Floats":
    """Growth of the root mean square error by feature, if its values are shuffled: the mean of `REPEATS` times.

    As `sklearn.inspection.permutation_importance`, which predicts each of the 51 tables by itself: of 900 tracks that
    took 8 s, and all at once take half a second.
    """
    places = _spread(held_out, MOST_PERMUTED)
    own, actual = data.features[places], data.popularity[places]
    chance = np.random.default_rng(SEED)
    tables = [own]
    for feature in range(own.shape[1]):
        for _ in range(REPEATS):
            shuffled = own.copy()
            shuffled[:, feature] = chance.permutation(own[:, feature])
            tables.append(shuffled)
    predicted = model.predict(np.concatenate(tables)).reshape(len(tables), len(places))
    errors = np.sqrt(((predicted - actual) ** 2).mean(axis=1))
    growth: Floats = (errors[1:] - errors[0]).reshape(own.shape[1], REPEATS).mean(axis=1)
    return growth


def _spread(chosen: "np.ndarray[Any, np.dtype[np.bool_]]", most: int) -> "Ints":
    """Places of at most so many of the chosen rows, at even distances: keys are hashes, so that is a sample."""
    places = np.flatnonzero(chosen)
    return places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).astype(int)]


def _feature_rows(data: Data, version: str, importances: "Floats", weights: "Ints") -> list[dict[str, Any]]:
    # Without the sign of a zero.
    means = np.round(np.average(importances, axis=0, weights=weights), DECIMALS) + 0.0
    deviations = np.round(importances.std(axis=0), DECIMALS)
    known = np.round(1 - np.isnan(data.features).mean(axis=0), SCORE_DECIMALS)
    names = list(MODEL_FEATURES)
    order = sorted(range(len(names)), key=lambda place: (-means[place], names[place]))
    return [
        {
            "model_version": version,
            "feature": names[place],
            "what": MODEL_FEATURES[names[place]],
            "feature_rank": rank,
            "importance": float(means[place]),
            "importance_deviation": float(deviations[place]),
            "known_share": float(known[place]),
        }
        for rank, place in enumerate(order, 1)
    ]


def _steps_of(column: "Floats", name: str) -> list[float]:
    """Values of a feature at which its effect is shown: all that aren't rare where they are few, else quantiles."""
    known = column[~np.isnan(column)]
    found, counts = np.unique(known, return_counts=True)
    if len(found) > STEPS and name not in CATEGORIES:
        middles = np.quantile(known, (np.arange(STEPS) + 0.5) / STEPS)
        return sorted({float(f"{value:.4g}") for value in middles})
    return [float(value) for value in found[counts >= RARE_SHARE * len(known)]]


def _effects(model: "BaseEstimator", data: Data, held_out: "np.ndarray[Any, np.dtype[np.bool_]]") -> list["Floats"]:
    """Of each feature the mean prediction at each of its values, for some rows that the model hasn't seen."""
    some = data.features[_spread(held_out, MOST_VARIED)]
    values = [_steps_of(data.features[:, place], name) for place, name in enumerate(MODEL_FEATURES)]
    tables = []
    for place, of_feature in enumerate(values):
        for value in of_feature:
            varied = some.copy()
            varied[:, place] = value
            tables.append(varied)
    predicted = np.clip(model.predict(np.concatenate(tables)), LOW, HIGH).reshape(len(tables), len(some))
    ends = np.cumsum([len(of_feature) for of_feature in values])
    return np.split(predicted.mean(axis=1), ends[:-1])


def _effect_rows(data: Data, version: str, effects: list[list["Floats"]], weights: list[int]) -> list[dict[str, Any]]:
    rows = []
    for place, name in enumerate(MODEL_FEATURES):
        values = _steps_of(data.features[:, place], name)
        means = np.average([of_fold[place] for of_fold in effects], axis=0, weights=weights)
        for step, (value, mean) in enumerate(zip(values, means, strict=True)):
            is_genre = name == "genre_family"
            rows.append(
                {
                    "model_version": version,
                    "feature": name,
                    "step": step,
                    "feature_value": None if is_genre else value,
                    "genre_family": FAMILIES[int(value)] if is_genre else None,
                    "predicted_popularity": round(float(mean), DECIMALS),
                }
            )
    return rows
