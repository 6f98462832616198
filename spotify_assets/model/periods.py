"""What was heard in days, weeks, months, quarters and years: figures, charts and gaps."""

from sqlalchemy import CheckConstraint, Column

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    hash_key,
    optional,
    required,
    table,
)
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


def period_columns(period_types: tuple[str, ...]) -> list[Column]:
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
    "`SPOTIFY_ASSETS_CHART_SIZE`. Tracks only; entities are canonical. The last period is as of the listener's last "
    "day.",
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
