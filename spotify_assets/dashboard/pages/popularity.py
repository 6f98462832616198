"""Popularity: what makes a track popular by the model of catalogue files, and which tracks heard differ from it."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, Page, View
from spotify_assets.dashboard.formats import plural, write_count, write_decimal, write_share, written
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Rows, Spec
from spotify_assets.dashboard.sources import DIMENSIONS, heard_tracks

SCORES = "SELECT * FROM popularity_model"
ESTIMATE_NAMES = {
    f"name_{place}": name
    for place, name in enumerate(
        ("Trees (the model)", "Trees without the artist's other tracks", "Straight lines", "The mean of all tracks")
    )
}
FEATURES = """
    SELECT what, importance, known_share, feature FROM popularity_model_features
    WHERE round(importance, 1) > 0 OR feature_rank = 1 ORDER BY feature_rank
"""
TELLING = """
    SELECT feature, feature_rank FROM popularity_model_features JOIN popularity_model USING (model_version)
    WHERE importance >= $least ORDER BY feature_rank LIMIT $most
"""
KEYS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
EFFECT = f"""
    SELECT what, label, avg(predicted_popularity) AS expected FROM (
        SELECT what, step, predicted_popularity, CASE feature
            WHEN 'genre_family' THEN e.genre_family
            WHEN 'explicit' THEN if(feature_value = 1, 'yes', 'no')
            WHEN 'mode' THEN if(feature_value = 1, 'major', 'minor')
            WHEN 'key' THEN {KEYS}[feature_value::INT + 1]
            WHEN 'duration_ms' THEN format('{{:.1f}}', feature_value / 60000)
            WHEN 'years_since_release' THEN format('{{:.1f}}', feature_value)
            WHEN 'artist_popularity' THEN format('{{:.0f}}', feature_value)
            WHEN 'tempo' THEN format('{{:.0f}}', feature_value)
            WHEN 'loudness' THEN format('{{:.1f}}', feature_value)
            WHEN 'time_signature' THEN format('{{:.0f}}', feature_value)
            ELSE format('{{:.2f}}', feature_value) END AS label
        FROM popularity_model_effects e JOIN popularity_model_features f USING (model_version, feature)
        WHERE e.feature = $feature
    ) GROUP BY what, label
"""
IN_ORDER, BY_SIZE = " ORDER BY min(step)", " ORDER BY expected DESC, label"
CATEGORIES = ("genre_family", "key", "explicit", "mode")
UNITS = {
    "duration_ms": "length in minutes",
    "years_since_release": "years since its release",
    "tempo": "beats per minute",
    "loudness": "loudness in decibels",
    "artist_popularity": "mean popularity of the artist's other tracks",
    "time_signature": "beats in a bar",
}
CALIBRATION = """
    SELECT round(avg(predicted_popularity))::INT AS expected, avg(popularity) AS popularity, count(*) AS tracks
    FROM popularity_predictions GROUP BY floor(predicted_popularity / 5) HAVING count(*) >= $few ORDER BY expected
"""
# Effects that are shown, tracks of a list, and tracks of which a mean says something.
SHOWN_EFFECTS, LISTED, FEW = 4, 200, 20
# Points of popularity.
LEAST_IMPORTANCE = 0.1


def popularity_page(view: View) -> Page:
    """Scores, features and their effects; overlooked and overplayed tracks among those heard."""
    scores = view.rows(SCORES)
    telling = view.rows(TELLING, most=SHOWN_EFFECTS, least=LEAST_IMPORTANCE)
    if not scores:
        return Page("Popularity", [_scores_block(view)])
    return Page(
        "Popularity",
        [
            _scores_block(view),
            _differing_block(view, "overlooked", "residual < 0", "residual"),
            _differing_block(view, "overplayed", "residual > 0", "residual DESC"),
            Block(
                "importance",
                view.query(FEATURES),
                lambda rows: f"What tells most about how popular a track is: {rows[0]['what']}",
                [
                    Column("what", "What the model is given"),
                    Column("importance", "Error grows by (points)", "decimal", bar=True),
                    Column("known_share", "Known", "share"),
                ],
                chart=lambda rows: charts.bars_chart(
                    rows,
                    "what",
                    "importance",
                    title="growth of the error (points of popularity)",
                ),
                note="By how much the model errs more if it is given the values of other tracks. What resembles "
                "another feature shares its importance with it. That is how popular tracks differ, and no cause. "
                "Features that tell nothing are left out.",
            ),
            *[_effect_block(view, row["feature"], row["feature_rank"]) for row in telling],
            Block(
                "calibration",
                view.query(CALIBRATION, few=FEW),
                _calibration_title,
                [
                    Column("expected", "Expected", "count"),
                    Column("popularity", "Mean popularity", "decimal"),
                    Column("tracks", "Tracks", "count"),
                ],
                chart=lambda rows: charts.lines_chart(
                    "expected", "popularity", x_title="expected popularity", y_title="mean popularity", dots=True
                ),
                note=f"Tracks by what is expected of them, in steps of 5; steps of fewer than {FEW} are left out.",
                empty="There are too few tracks to compare.",
                is_half=True,
            ),
            Block(
                "compared",
                view.query(f"SELECT * FROM ({_compared_sql()}) ORDER BY place", **ESTIMATE_NAMES),
                _compared_title,
                [
                    Column("estimate", "Estimated by"),
                    Column("mae", "Mean error", "decimal"),
                    Column("rmse", "Root mean square", "decimal"),
                    Column("r2", "Explained", "share"),
                ],
                note="Errors in points of popularity, on artists that the estimate has not seen. Explained: of the "
                "differences between tracks (R²).",
                is_half=True,
            ),
        ],
        lead="Popularity is Spotify's figure of 0 to 100, as catalogue files had it. The model has learned from these "
        "files alone, and judges each track without having seen one of its artist.",
    )


def _compared_sql() -> str:
    """SQL of the scores of the model and of what it is compared with, a row each."""
    from spotify_assets.model.popularity import ESTIMATES  # loads SQLAlchemy

    return " UNION ALL ".join(
        f"SELECT {place} AS place, $name_{place} AS estimate, {prefix}mae AS mae, {prefix}rmse AS rmse, "
        f"{prefix}r2 AS r2, {prefix}spearman AS spearman FROM popularity_model"
        for place, prefix in enumerate(ESTIMATES)
    )


def _needs() -> str:
    """What a model needs that isn't there."""
    from spotify_assets.model.popularity import MIN_ARTISTS, MIN_TRACKS  # loads SQLAlchemy

    return (
        f"There is no popularity model. It learns from catalogue files that tell the popularity of {MIN_TRACKS} "
        f"tracks of {MIN_ARTISTS} artists or more: put them in the landing zone, and sync. "
        "docs/catalogue.md says which there are."
    )


def _scores_block(view: View) -> Block:
    from spotify_assets.model.popularity import MIN_POPULARITY  # loads SQLAlchemy

    return Block(
        "scores",
        view.query(SCORES),
        lambda rows: (
            f"The model errs by {write_decimal(rows[0]['mae'])} points of 100 on average"
            if rows[0]["beats_baselines"]
            else "The model is no better than a simple guess: take it lightly"
        ),
        figures=lambda rows: [
            Figure("mean error", write_decimal(rows[0]["mae"]), ["points of popularity"]),
            Figure("error of straight lines", write_decimal(rows[0]["linear_mae"])),
            Figure("error of the mean", write_decimal(rows[0]["mean_mae"])),
            Figure("explained", write_share(rows[0]["r2"]), ["of the differences between tracks"]),
            Figure("tracks", write_count(rows[0]["tracks"]), [f"of {plural(rows[0]['artists'], 'artist')}"]),
        ],
        note=lambda rows: (
            f"On artists that the model has not seen. From {plural(rows[0]['files'], 'catalogue file')}; "
            f"{plural(rows[0]['unused_tracks'], 'track')} with a popularity below {MIN_POPULARITY} left out."
        ),
        empty=_needs(),
    )


def _differing_block(view: View, name: str, where: str, order: str) -> Block:
    """Tracks heard in the period whose popularity differs most from what is expected.

    They are found by their names, or by their id, since some files have no names. Of several names of a recording the
    most popular one is judged.
    """
    sql = f"""
    WITH {heard_tracks(view.filters, by=["recording_key"]).strip()},
    heard AS (SELECT recording_key, sum(plays)::BIGINT AS plays FROM tracks GROUP BY recording_key),
    named AS (
        SELECT d.canonical_recording_key AS heard_key, p.* FROM popularity_predictions p
        JOIN dim_recording d ON d.recording_key = p.recording_key
        UNION ALL
        SELECT d.canonical_recording_key AS heard_key, p.* FROM popularity_predictions p
        JOIN dim_track t ON t.track_key = p.track_key JOIN dim_recording d ON d.recording_key = t.recording_key
    ),
    judged AS (
        SELECT h.recording_key, h.plays, max(p.popularity) AS popularity,
            arg_max(p.predicted_popularity, (p.popularity, p.recording_key)) AS expected,
            arg_max(p.residual, (p.popularity, p.recording_key)) AS residual
        FROM heard h JOIN named p ON p.heard_key = h.recording_key
        GROUP BY h.recording_key, h.plays
    ),
    sums AS (
        SELECT * FROM judged WHERE {where} ORDER BY {order}, recording_key LIMIT {LISTED}
    ){DIMENSIONS["track"]}
    ORDER BY {order}, s.recording_key
    """
    few = "less" if name == "overlooked" else "more"
    return Block(
        name,
        view.query(sql),
        lambda rows: (
            f"{rows[0]['track']} is your most {name} track: popularity {rows[0]['popularity']}, where "
            f"{write_count(rows[0]['expected'])} is expected"
        ),
        [
            *parts.name_columns(view, "track"),
            Column("popularity", "Popularity", "count"),
            Column("expected", "Expected", "count"),
            Column("plays", "Plays", "count"),
        ],
        note=f"Tracks that you heard in this period and that are {few} popular than the model expects, of those whose "
        "popularity a catalogue file tells. A very low one may be that of an id which Spotify has replaced.",
        shown=10,
        is_half=True,
        pictures=True,
        empty=f"No track of this period is {few} popular than expected, or no catalogue file tells.",
    )


def _effect_block(view: View, feature: str, rank: int) -> Block:
    """What the model expects at each value of a feature."""
    from spotify_assets.model.popularity import MODEL_FEATURES  # loads SQLAlchemy

    what = UNITS.get(feature, MODEL_FEATURES[feature])
    if feature in CATEGORIES:
        query = view.query(EFFECT + BY_SIZE, feature=feature)
    else:
        query = view.query(EFFECT + IN_ORDER, feature=feature)

    kind = "genre" if feature == "genre_family" else "text"

    def chart(rows: Rows) -> Spec:
        if feature in CATEGORIES:
            return charts.bars_chart(rows, "label", "expected", title="expected popularity")
        return charts.lines_chart("label", "expected", x_title=what, y_title="expected popularity", dots=True)

    return Block(
        f"effect-{rank}",
        query,
        lambda rows: _effect_title(rows, what, kind),
        [Column("label", what.capitalize(), kind), Column("expected", "Expected popularity", "decimal")],
        chart=chart,
        note="What the model expects on average if all tracks had this value, and nothing else changed.",
        is_half=True,
        empty="Its effect is not known.",
    )


def _effect_title(rows: Rows, what: str, kind: str) -> str:
    most, least = (pick(rows, key=lambda row: row["expected"]) for pick in (max, min))
    if most["expected"] - least["expected"] < 1:
        return f"By {what}, little changes"
    return (
        f"By {what}: {write_count(least['expected'])} is expected at {written(least['label'], kind)}, "
        f"{write_count(most['expected'])} at {written(most['label'], kind)}"
    )


def _calibration_title(rows: Rows) -> str:
    far = max(rows, key=lambda row: abs(row["popularity"] - row["expected"]))
    gap = abs(far["popularity"] - far["expected"])
    if gap < 3:
        return "What is expected is right on average, for popular and unpopular tracks"
    return f"Where {far['expected']} is expected, tracks have {write_count(far['popularity'])} on average"


def _compared_title(rows: Rows) -> str:
    model, linear = rows[0], rows[2]
    better = 1 - model["rmse"] / linear["rmse"]
    return f"Trees err {write_share(abs(better))} {'less' if better >= 0 else 'more'} than straight lines"
