"""The popularity model: what it learns from, its scores, its features and its predictions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms
from spotify_assets.defs.plots import inline_png
from spotify_assets.lake.models import remove_models, save_model
from spotify_assets.model.popularity import ESTIMATES, LIBRARY, MIN_ARTISTS, MIN_TRACKS, MODEL_FEATURES
from spotify_assets.refresh.staleness import MISSING, installed_version
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from spotify_assets.transforms.popularity_fit import Fit

NAME = "popularity"
NO_MODEL = "no model"
TENTHS = 10


@lake_table
def popularity_tracks(
    raw_catalog_tracks: DataFrame,
    raw_catalog_files: DataFrame,
    catalog_tracks: DataFrame,
    catalog_track_metadata: DataFrame,
    catalog_features: DataFrame,
    catalog_artists: DataFrame,
) -> DataFrame:
    return transforms.popularity_tracks(
        raw_catalog_tracks,
        raw_catalog_files,
        catalog_tracks,
        catalog_track_metadata,
        catalog_features,
        catalog_artists,
    )


@lake_table
def popularity_model(
    context: dg.AssetExecutionContext, popularity_tracks: DataFrame, settings: dg.ResourceParam[Settings]
) -> DataFrame:
    from spotify_assets.transforms.popularity import popularity_fit
    from spotify_assets.transforms.popularity_fit import FAMILIES

    # The transforms of these tables find this fit.
    fit = popularity_fit(popularity_tracks, context.log.info)
    scored = transforms.popularity_model(popularity_tracks)
    if fit is None:
        remove_models(settings.lake_uri, NAME)
        say = context.log.warning if installed_version(LIBRARY) == MISSING else context.log.info
        say(f"No popularity model. {why_no_model()}")
        context.add_output_metadata({NO_MODEL: why_no_model()})
        return scored
    version = fit.scores["model_version"]
    content = {
        "version": version,
        "library": f"{LIBRARY} {installed_version(LIBRARY)}",
        "features": list(MODEL_FEATURES),
        "genre_families": FAMILIES,
        "model": fit.model,
    }
    context.add_output_metadata(
        {
            "model_file": save_model(settings.lake_uri, NAME, version, content),
            "scores": dg.MetadataValue.md(scores_table(fit.scores)),
            "calibration": dg.MetadataValue.md(calibration_plot(fit)),
            "importance": dg.MetadataValue.md(importance_plot(fit.features)),
        }
    )
    return scored


@lake_table
def popularity_model_features(popularity_tracks: DataFrame) -> DataFrame:
    return transforms.popularity_model_features(popularity_tracks)


@lake_table
def popularity_model_effects(popularity_tracks: DataFrame) -> DataFrame:
    return transforms.popularity_model_effects(popularity_tracks)


@lake_table
def popularity_predictions(popularity_tracks: DataFrame) -> DataFrame:
    return transforms.popularity_predictions(popularity_tracks)


def why_no_model() -> str:
    """Why there is none, and what to do."""
    if installed_version(LIBRARY) == MISSING:
        return f"{LIBRARY} is not installed: `pip install {LIBRARY}`, then sync."
    return (
        f"Catalogue files tell the popularity of fewer than {MIN_TRACKS} tracks or {MIN_ARTISTS} artists. More of "
        "them in landing/catalog make a model: see docs/catalogue.md."
    )


def scores_table(scores: Mapping[str, Any]) -> str:
    """Markdown table of a row of `popularity_model`."""
    lines = [
        f"Of {scores['tracks']:,} tracks of {scores['artists']:,} artists that the model had not seen, in points of "
        "popularity (0 to 100):",
        "",
        "| | Mean error | Root mean square error | R² | Rank correlation |",
        "|---|---|---|---|---|",
    ]
    for prefix, what in ESTIMATES.items():
        r2, spearman = scores[f"{prefix}r2"], scores[f"{prefix}spearman"]
        rank = "" if spearman is None else f"{spearman:.3f}"
        lines.append(f"| {what} | {scores[f'{prefix}mae']:.2f} | {scores[f'{prefix}rmse']:.2f} | {r2:.3f} | {rank} |")
    return "\n".join(lines)


def calibration_rows(fit: "Fit") -> list[dict[str, float]]:
    """Tenths of the tracks by prediction: the mean prediction, and the mean popularity."""
    import numpy as np

    predicted = fit.predictions["predicted_popularity"].to_numpy()
    actual = predicted + fit.predictions["residual"].to_numpy()
    order = np.argsort(predicted, kind="stable")
    return [
        {"predicted": float(predicted[tenth].mean()), "actual": float(actual[tenth].mean())}
        for tenth in np.array_split(order, TENTHS)
    ]


def calibration_plot(fit: "Fit") -> str:
    """Markdown with a chart of `calibration_rows`."""
    import altair as alt

    rows = calibration_rows(fit)
    scale = alt.Scale(zero=False)
    dots = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("predicted:Q", title="mean prediction of a tenth of the tracks", scale=scale),
        y=alt.Y("actual:Q", title="mean popularity", scale=scale),
    )
    ends = [min(rows[0].values()), max(rows[-1].values())]
    line = alt.Chart(alt.InlineData(values=[{"predicted": end, "actual": end} for end in ends]))
    diagonal = line.mark_line(strokeDash=[4, 4], color="grey").encode(x="predicted:Q", y="actual:Q")
    chart = alt.layer(diagonal, dots.mark_point(filled=True, size=80))
    return inline_png(_sized(chart, 320), "Mean popularity by prediction; on the dashed line they are equal")


def importance_plot(features: Sequence[Mapping[str, Any]]) -> str:
    """Markdown with a chart of rows of `popularity_model_features`."""
    import altair as alt

    rows = [{"what": row["what"], "importance": row["importance"]} for row in features]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("importance:Q", title="growth of the error if shuffled (points of popularity)"),
            y=alt.Y("what:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        )
    )
    return inline_png(_sized(chart, 20 * len(rows)), "Importance of each feature")


def _sized(chart: Any, height: int) -> Any:
    return chart.properties(width=420, height=height, background="white")
