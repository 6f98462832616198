"""Checks of the popularity model."""

import dagster as dg

from spotify_assets.defs.checks.records import WARN, LakeResource
from spotify_assets.model.popularity import MARGIN


@dg.asset_check(
    asset="popularity_model",
    name="beats_baselines",
    description="On artists that it has not seen, the popularity model is better than the mean and a linear model.",
)
def beats_baselines(lake: LakeResource) -> dg.AssetCheckResult:
    rows = lake.lake.read("popularity_model").to_pylist()
    worse = [row for row in rows if not row["beats_baselines"]]
    problem = "".join(
        f"Its root mean square error is {row['rmse']:.2f} points of popularity, that of the mean "
        f"{row['mean_rmse']:.2f}, that of a linear model {row['linear_rmse']:.2f}: it has to be {MARGIN:.1%} better. "
        "Its predictions say little; catalogue files with more tracks, or with audio features and genres, may help."
        for row in worse
    )
    return dg.AssetCheckResult(
        passed=not worse,
        severity=WARN,
        description=problem or None,
        metadata={name: rows[0][name] for name in ("rmse", "linear_rmse", "mean_rmse", "tracks")} if rows else {},
    )
