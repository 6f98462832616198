"""What was heard in days, weeks, months, quarters and years: figures, charts and gaps."""

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    hash_key,
    music_and_spoken,
    optional,
    play_measures,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.metrics import by_listener, in_primary_key

PERIOD_TYPES = {
    "day": "a local day",
    "week": "an ISO week, from Monday",
    "month": "a calendar month",
    "quarter": "a quarter of a year",
    "year": "a calendar year",
    "all": "all days from the listener's first to last play",
}
# A gap is a run of at least so many days without a play. In so many days before it, days with a play are counted.
GAP_DAYS, DAYS_BEFORE_GAP = 14, 90
# If days with a play came at random, so many expected ones would all be missed once in a thousand times (e^-7).
SUSPICIOUS_EXPECTED_DAYS = 7
CHART_PERIODS = tuple(name for name in PERIOD_TYPES if name != "day")
CHART_ENTITIES = {"track": "recording", "artist": "artist", "album": "album"}


def period_columns(period_types: tuple[str, ...]) -> list[ModelColumn]:
    """Key columns of a period."""
    meanings = "; ".join(f"`{name}`: {PERIOD_TYPES[name]}" for name in period_types)
    return [
        required(
            "period_type",
            LABEL,
            f"Length of the period: {meanings}",
            primary_key=True,
            info={"accepted": period_types},
        ),
        in_primary_key(
            required("period_start", DAY, "First local day of the period; of `all`, the listener's first day")
        ),
    ]


top_charts = table(
    "top_charts",
    "metrics",
    "One row per listener, kind of entity, period and place on its chart: what was heard longest, as many as "
    "`SPOTIFY_ASSETS_CHART_SIZE`, of a week `SPOTIFY_ASSETS_WEEKLY_CHART_SIZE`. Tracks only; entities are canonical. "
    "The last period is as of the listener's last day.",
    by_listener(),
    required(
        "entity_type",
        LABEL,
        "What is ranked: canonical recordings (`track`), artists or albums",
        primary_key=True,
        info={"accepted": tuple(CHART_ENTITIES)},
    ),
    *period_columns(CHART_PERIODS),
    required("rank", COUNT, "Place by `ms_played`, ties by key (1 is most)", primary_key=True, autoincrement=False),
    hash_key("entity_key", "Key of `dim_recording`, `dim_artist` or `dim_album`, canonical"),
    required("name", TEXT, "Name of the track, artist or album, as in its dimension"),
    required("artist_name", TEXT, "The album's artist, as in the dimension; of an artist, its name"),
    required("plays", COUNT, "Plays in the period"),
    required("ms_played", COUNT, "Listening time in the period (ms)"),
    required("total_ms_played", COUNT, "Listening time of all tracks in the period (ms), also of those off the chart"),
    optional("share", RATE, "`ms_played` by `total_ms_played` (0 to 1); null where that is 0"),
    optional("previous_rank", COUNT, "Place in the period before; null where it was not on that chart"),
    optional(
        "rank_change", COUNT, "Places that it rose since the period before, negative where it fell; null as that"
    ),
    required("peak_rank", COUNT, "Best place on charts of this length up to this period"),
    required("periods_on_chart", COUNT, "Charts of this length that it was on, up to this one"),
    required("is_new", FLAG, "Whether this is the first chart of this length that it is on"),
    required("is_reentry", FLAG, "Whether it was on an earlier chart of this length, but not on the one before"),
    CheckConstraint("rank >= 1 AND peak_rank BETWEEN 1 AND rank", name="peak_is_the_best_rank"),
    CheckConstraint("plays > 0 AND ms_played BETWEEN 0 AND total_ms_played", name="part_of_the_total"),
    CheckConstraint("share BETWEEN 0 AND 1", name="share_is_a_share"),
    CheckConstraint("rank_change = previous_rank - rank", name="change_of_ranks"),
    CheckConstraint("is_new = (periods_on_chart = 1)", name="new_is_the_first_chart"),
    CheckConstraint("is_reentry = (previous_rank IS NULL AND NOT is_new)", name="reentry_after_an_absence"),
)

coverage_gaps = table(
    "coverage_gaps",
    "metrics",
    f"One row per listener and run of {GAP_DAYS} local days or more without a play, between the first and the last "
    "play.",
    by_listener(),
    in_primary_key(required("gap_start", DAY, "First local day without a play")),
    required("gap_end", DAY, "Last local day without a play"),
    required("days", NUMBER, "Days without a play"),
    required("active_days_before", NUMBER, f"Days with a play among the {DAYS_BEFORE_GAP} before the gap"),
    required(
        "expected_active_days",
        RATE,
        f"Days with a play that it would have if these were as frequent as before: `active_days_before` * `days` / "
        f"{DAYS_BEFORE_GAP}",
    ),
    required(
        "is_suspicious",
        FLAG,
        f"Whether `expected_active_days` is {SUSPICIOUS_EXPECTED_DAYS} or more, so that a file may be missing: by "
        "chance, such a gap would come up once in a thousand times",
    ),
    required("source_before", TEXT, "File of the last play before the gap, as `source_file` in `plays`"),
    required("source_after", TEXT, "File of the first play after the gap, as `source_file` in `plays`"),
    CheckConstraint(f"days >= {GAP_DAYS} AND gap_start < gap_end", name="gap_is_long"),
    CheckConstraint(f"active_days_before BETWEEN 1 AND {DAYS_BEFORE_GAP}", name="active_before_the_gap"),
    CheckConstraint(
        f"is_suspicious = (active_days_before * days >= {SUSPICIOUS_EXPECTED_DAYS * DAYS_BEFORE_GAP})",
        name="suspicious_where_plays_are_expected",
    ),
)


def share_columns(name: str, measure: str, known: str, what: str, of_what: str) -> list[ModelColumn | CheckConstraint]:
    """A share, with the two columns that it is the quotient of."""
    return [
        required(measure, COUNT, what),
        required(known, COUNT, of_what),
        optional(name, RATE, f"`{measure}` by `{known}` (0 to 1); null where that is 0"),
        CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"{name}_is_a_share"),
    ]


def compared_columns(prefix: str, what: str) -> list[ModelColumn]:
    """Listening time and plays of another period."""
    return [
        optional(
            f"{prefix}_{name}",
            COUNT,
            f"{comment} in {what}; of a period that is not complete, in as many days from its start. 0 where nothing "
            "was played, but null where all of it lies before the listener's first day or in a suspicious gap of "
            "`coverage_gaps`",
        )
        for name, comment in (("ms_played", "Listening time (ms)"), ("plays", "Plays"))
    ]


period_listening = table(
    "period_listening",
    "metrics",
    "One row per listener and day, week, month, quarter, year with a play, and of all time; all content types.",
    by_listener(),
    *period_columns(tuple(PERIOD_TYPES)),
    *play_measures(),
    optional("skip_rate", RATE, "`skips` by `skips_known` (0 to 1); null where that is 0"),
    *music_and_spoken(),
    required("tracks", COUNT, "Different canonical recordings"),
    required("artists", COUNT, "Different canonical artists of tracks"),
    required("albums", COUNT, "Different canonical albums of tracks"),
    required("new_tracks", COUNT, "Of `tracks`: played for the first time ever"),
    required("new_artists", COUNT, "Of `artists`: played for the first time ever"),
    required("active_days", COUNT, "Local days with a play"),
    required("days", COUNT, "Local days of the period, from the listener's first to last day"),
    *share_columns(
        "deliberate_share",
        "deliberate_starts",
        "starts_known",
        "Plays that a person started: see `daily_track_plays`",
        "Plays whose `reason_start` is known",
    ),
    *share_columns("shuffle_share", "shuffles", "shuffles_known", "Shuffled plays", "Plays whose `shuffle` is known"),
    *share_columns(
        "offline_share",
        "offline_plays",
        "offline_known",
        "Plays without a connection",
        "Plays whose `offline` is known",
    ),
    *share_columns(
        "incognito_share",
        "incognito_plays",
        "incognito_known",
        "Plays in a private session",
        "Plays whose `incognito` is known",
    ),
    required("night_ms_played", COUNT, "Listening time in the local hours 0 to 4 (ms)"),
    optional("night_share", RATE, "`night_ms_played` by `ms_played` (0 to 1); null where that is 0"),
    required("sessions", COUNT, "Sessions that started in the period, as in `listening_sessions`"),
    optional("longest_session_ms", COUNT, "Most listening time of one of these (ms); null where none started"),
    required("length_known_plays", COUNT, "Plays of tracks whose length is known"),
    required("length_known_ms_played", COUNT, "Listening time of tracks whose length is known (ms)"),
    optional(
        "completion",
        RATE,
        "Mean share of a track that was played, of plays whose length is known (0 to 1): 1 for a play that ended with "
        "`trackdone`; of the others of a day and recording their time by its length, at most 1 a play. Null where no "
        "length is known",
    ),
    optional(
        "length_coverage",
        RATE,
        "`length_known_ms_played` by `music_ms_played` (0 to 1): what `completion` covers; null where that is 0",
    ),
    required("artist_ms_played", COUNT, "Listening time of tracks whose artist is known (ms)"),
    optional("top_10_share", RATE, "Share of `artist_ms_played` of the ten artists with most; null where that is 0"),
    optional(
        "half_of_listening_artists",
        COUNT,
        "Fewest artists that make up half of `artist_ms_played`; null where that is 0",
    ),
    optional(
        "effective_artists",
        RATE,
        "As many artists with equal time each would be as diverse: exp of the Shannon entropy of artists by time; "
        "null where `artist_ms_played` is 0",
    ),
    optional(
        "gini",
        RATE,
        "Gini coefficient of artists by time: 0 where all have the same, near 1 where one has nearly all; null where "
        "`artist_ms_played` is 0",
    ),
    required("release_known_ms_played", COUNT, "Listening time of tracks whose year of release is known (ms)"),
    optional("mean_release_year", RATE, "Mean year of release, weighted by listening time; null where none is known"),
    optional(
        "release_lag_days",
        RATE,
        "Median age of what was played (days since its release; negative before): each recording counts once a day. "
        "A release of which only the year is known counts from its 1 January. Null where none is known",
    ),
    optional(
        "release_coverage",
        RATE,
        "`release_known_ms_played` by `music_ms_played` (0 to 1): what the release columns cover; null where "
        "that is 0",
    ),
    *compared_columns("previous", "the period before"),
    *compared_columns(
        "year_before",
        "the period of the year before (of a week, 52 weeks before; of 29 February, on the 28th)",
    ),
    required("is_complete", FLAG, "Whether the period is over: it ends before the listener's last day"),
    CheckConstraint("plays > 0 AND plays = music_plays + spoken_plays", name="music_and_spoken_are_all_plays"),
    CheckConstraint("ms_played = music_ms_played + spoken_ms_played", name="music_and_spoken_are_all_time"),
    CheckConstraint("tracks <= music_plays AND new_tracks <= tracks", name="tracks_within_plays"),
    CheckConstraint("new_artists <= artists", name="new_artists_within_artists"),
    CheckConstraint("active_days BETWEEN 1 AND days", name="active_days_within_days"),
    CheckConstraint("skip_rate BETWEEN 0 AND 1", name="skip_rate_is_a_share"),
    CheckConstraint("completion BETWEEN 0 AND 1", name="completion_is_a_share"),
    CheckConstraint("top_10_share BETWEEN 0 AND 1", name="top_10_share_is_a_share"),
    CheckConstraint("half_of_listening_artists BETWEEN 1 AND artists", name="half_within_artists"),
    CheckConstraint("gini BETWEEN 0 AND 1", name="gini_is_a_share"),
)
