"""What makes a track popular: the rows that the model learns from, its scores, its features and its predictions."""

from spotify_assets.model.catalogue import FEATURES, SHARES, feature_columns
from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    KEY,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    hash_key,
    key,
    optional,
    required,
    source_column,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.genres import GENRE_FAMILIES

# The library that trains; without it the tables of the model are empty.
LIBRARY = "scikit-learn"
# Below, an id is mostly one that Spotify has replaced by another, and says nothing of the track: of 1,821 hits in a
# real file, 170 have 0 to 4, as "Havana" has 1, and 3 have 5 to 16.
MIN_POPULARITY = 5
# Fewer say nothing of artists that the model hasn't seen.
MIN_ARTISTS, MIN_TRACKS = 50, 500
# The artists are split into so many parts; a track is predicted by a model that has seen none of its artist's.
FOLDS = 5
# A model has to be better than the baselines by this share of their error: less is chance.
MARGIN = 0.005

# What the model is given, in this order, by the words in which people read it.
MODEL_FEATURES = {
    "artist_popularity": "artist's other tracks",
    "years_since_release": "age of the track",
    "genre_family": "genre",
    "duration_ms": "length",
    "explicit": "explicit lyrics",
    **{name: name for name in FEATURES},
}
MODEL_FEATURES |= {
    "speechiness": "spoken words",
    "acousticness": "acoustic sound",
    "instrumentalness": "absence of vocals",
    "liveness": "live audience",
    "valence": "cheerfulness",
    "mode": "major or minor",
    "time_signature": "beats in a bar",
}
CATEGORIES = ("genre_family", "key")

# How a track's popularity is estimated, by prefix of the columns that score it.
ESTIMATES = {
    "": "the model",
    "without_artist_": "the model without `artist_popularity`",
    "linear_": "the linear baseline: ridge regression on the same features",
    "mean_": "the simplest baseline: the mean popularity",
}
SCORES = {
    "mae": "Mean absolute error (points of popularity) of {}",
    "rmse": "Root mean square error (points of popularity) of {}",
    "r2": "Coefficient of determination of {}: 1 is perfect, 0 as good as the mean of these tracks",
    "spearman": "Spearman's rank correlation of popularity with {} (-1 to 1); null where that is constant",
}

popularity_tracks = table(
    "popularity_tracks",
    "cleaned",
    "One row per recording whose popularity and artist a catalogue file tells: what the popularity model learns from. "
    "Nothing in it is from the Web API, nor from exports of playlists, which hold what the Web API answered.",
    hash_key("recording_key", "Hash of the normalized names, as in `dim_recording`", primary_key=True),
    required("track_key", KEY, "Of its ids in catalogue files the one with the highest popularity, then the smallest"),
    optional("track_name", TEXT, "Name of the track; null where no file has it"),
    hash_key("artist_key", "Hash of the normalized name of its first artist, as in `dim_artist`"),
    required("artist_name", TEXT, "Its first artist"),
    required(
        "popularity",
        NUMBER,
        f"Popularity (0 to 100) of `track_key` when the file was made; below {MIN_POPULARITY} it mostly is an id that "
        "Spotify has replaced, and the model leaves such tracks out",
    ),
    required("popularity_source", TEXT, "File that the popularity is from: of several that tell it the newest"),
    optional(
        "source_latest_release",
        DAY,
        "Latest release in that file, so about when it was made; null where no release is known",
    ),
    optional("duration_ms", COUNT, "Length (ms); null where unknown"),
    optional("explicit", FLAG, "Whether it is marked as explicit; null where unknown"),
    optional("release_date", DAY, "Day of release, or the first of the known year or month; null where unknown"),
    optional(
        "years_since_release",
        RATE,
        "Years of 365.25 days from `release_date` to `source_latest_release`; null where unknown",
    ),
    optional(
        "genre_family",
        LABEL,
        "Family of most genres of its artist in catalogue files, else of its own; null where they are unknown",
        info={"accepted": tuple(GENRE_FAMILIES)},
    ),
    optional(
        "artist_popularity",
        RATE,
        f"Mean popularity of the artist's other recordings here, those below {MIN_POPULARITY} left out; null where "
        "there is none",
    ),
    *feature_columns(),
    CheckConstraint("popularity BETWEEN 0 AND 100", name="popularity_tracks_in_range"),
    CheckConstraint("artist_popularity BETWEEN 0 AND 100", name="artist_popularity_within_range"),
    CheckConstraint("years_since_release >= 0", name="released_before_the_latest"),
    *[CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"popularity_tracks_{name}_in_range") for name in SHARES],
)


def version_column(*, is_key: bool = True) -> ModelColumn:
    """The version of the model, by default in the primary key."""
    comment = "Hash of the rows that it learned from, its parameters and its library"
    return key("model_version", comment, primary_key=is_key)


popularity_model = table(
    "popularity_model",
    "metrics",
    f"One row per version of the popularity model, of which there is the current one: how well it predicts tracks of "
    f"artists that it has not seen. Empty with fewer than {MIN_ARTISTS} artists or {MIN_TRACKS} tracks in "
    f"`popularity_tracks` whose popularity is {MIN_POPULARITY} or more, and without {LIBRARY}.",
    version_column(),
    required("tracks", COUNT, "Tracks that were predicted and scored"),
    required("artists", COUNT, "Artists of these"),
    required("trained_tracks", COUNT, "Tracks that models learned from: all, or those of a sample of artists"),
    required("unused_tracks", COUNT, f"Tracks that are left out, as their popularity is below {MIN_POPULARITY}"),
    required("files", COUNT, "Catalogue files that the popularity of these tracks is from"),
    *[
        optional(f"{prefix}{score}", RATE, meaning.format(what))
        for prefix, what in ESTIMATES.items()
        for score, meaning in SCORES.items()
    ],
    required(
        "beats_baselines",
        FLAG,
        f"Whether `rmse` is below both `mean_rmse` and `linear_rmse` by at least {MARGIN:.1%} of them",
    ),
    CheckConstraint("trained_tracks <= tracks", name="trained_within_tracks"),
    CheckConstraint("artists <= tracks", name="artists_within_tracks"),
    library=LIBRARY,
)

popularity_model_features = table(
    "popularity_model_features",
    "metrics",
    "One row per version of the popularity model and feature that it is given: how much it tells of popularity.",
    version_column(),
    required(
        "feature",
        LABEL,
        "Column of `popularity_tracks`",
        primary_key=True,
        info={"accepted": tuple(MODEL_FEATURES)},
    ),
    required("what", LABEL, "The feature in words"),
    required("feature_rank", NUMBER, "1 for the highest `importance`; ties by name"),
    required(
        "importance",
        RATE,
        "Permutation importance: by how much the root mean square error (points of popularity) grows on artists that "
        "the model has not seen, if the feature's values are shuffled among their tracks. Features that resemble each "
        "other share it",
    ),
    required("importance_deviation", RATE, "Standard deviation of `importance` over the parts of artists"),
    required("known_share", RATE, "Share of tracks whose value is known (0 to 1)"),
    CheckConstraint("known_share BETWEEN 0 AND 1", name="known_share_is_a_share"),
    library=LIBRARY,
)

popularity_model_effects = table(
    "popularity_model_effects",
    "metrics",
    "One row per version of the popularity model, feature and value of it: partial dependence. It says what the model "
    "expects of tracks if they all had that value and nothing else changed, and is no statement about causes.",
    version_column(),
    required(
        "feature",
        LABEL,
        "Column of `popularity_tracks`",
        primary_key=True,
        info={"accepted": tuple(MODEL_FEATURES)},
    ),
    required("step", NUMBER, "Place of the value among those of the feature", primary_key=True, autoincrement=False),
    optional("feature_value", RATE, "The value, in the column's unit; 0 and 1 for a flag; null for a genre"),
    optional(
        "genre_family",
        LABEL,
        "The value, where the feature is a genre; else null",
        info={"accepted": (*GENRE_FAMILIES,)},
    ),
    required("predicted_popularity", RATE, "Mean prediction (0 to 100) at that value"),
    library=LIBRARY,
)

popularity_predictions = table(
    "popularity_predictions",
    "metrics",
    f"One row per recording of `popularity_tracks` whose popularity is {MIN_POPULARITY} or more: what the model "
    "expects of it, not having seen any track of its artist. Empty where `popularity_model` is.",
    hash_key("recording_key", "Hash of the normalized names, as in `dim_recording`", primary_key=True),
    required("track_key", KEY, "As in `popularity_tracks`"),
    optional("track_name", TEXT, "Name of the track; null where no file has it"),
    hash_key("artist_key", "Its first artist, as in `dim_artist`"),
    required("artist_name", TEXT, "Its first artist"),
    required("popularity", NUMBER, f"Popularity ({MIN_POPULARITY} to 100) when its file was made"),
    source_column("popularity", "the popularity is"),
    required("predicted_popularity", RATE, "What the model expects (0 to 100)"),
    required(
        "residual",
        RATE,
        "`popularity` less `predicted_popularity`: below 0 it is overlooked, above 0 overplayed",
    ),
    required("linear_prediction", RATE, "What the linear baseline expects (0 to 100)"),
    required("mean_prediction", RATE, "What the mean baseline expects (0 to 100)"),
    required("fold", NUMBER, f"Part of artists (0 to {FOLDS - 1}) that its model has not seen: a hash of the artist"),
    required("known_features", NUMBER, f"How many of the {len(MODEL_FEATURES)} features are known"),
    version_column(is_key=False),
    CheckConstraint(f"popularity BETWEEN {MIN_POPULARITY} AND 100", name="predicted_of_known"),
    CheckConstraint("predicted_popularity BETWEEN 0 AND 100", name="prediction_in_range"),
    CheckConstraint(f"fold BETWEEN 0 AND {FOLDS - 1}", name="fold_in_range"),
    library=LIBRARY,
)
