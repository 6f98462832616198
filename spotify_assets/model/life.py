"""Streaks, milestones and records of a listener, and how what they discovered stayed with them."""

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    TIME,
    UNKNOWN,
    hash_key,
    optional,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.metrics import STARTED_BY, by_listener, in_primary_key

STREAK_DAYS = 3
SKIPPED_PLAYS = 50
REGULAR_PLAYS = 10
COHORT_MONTHS = 36
DISCOVERY_DAYS = (7, 30, 90, 365)
# The first values of each kind; then all multiples of the step.
MILESTONES = {"plays": ((1, 1_000, 5_000), 10_000), "hours": ((), 1_000), "artists": ((100, 500), 1_000)}
MILESTONE_KINDS = {
    "plays": "the play of that number",
    "hours": "so many full hours of listening",
    "artists": "the artist of that number; tracks only",
    "eddington": "the largest number of days of at least so many plays",
    "artist_cutover": "the largest number of artists of at least so many plays",
}
# Local hour up to which a night belongs to the day before.
NIGHT_ENDS = 5
# Unit of each record, and what it is.
RECORDS = {
    "most_plays_in_a_day": ("plays", "of anything"),
    "most_time_in_a_day": ("ms", "listening time"),
    "most_artists_in_a_day": ("artists", "different artists"),
    "most_tracks_in_a_day": ("tracks", "different recordings"),
    "most_plays_of_a_track_in_a_day": ("plays", "of one recording"),
    "most_plays_of_a_track_in_a_week": ("plays", "of one recording in seven days; their last"),
    "longest_return_of_a_track": ("days", "days between two plays of one recording"),
    "most_plays_of_an_artist_in_a_day": ("plays", "of one artist"),
    "longest_streak_of_an_artist": ("days", "consecutive days with a play of one artist"),
    "most_skipped_artist": (
        "share",
        f"largest share of skipped plays, of artists with {SKIPPED_PLAYS} plays or more whose `skipped` is known",
    ),
    "longest_streak": ("days", "consecutive days with a play; their first"),
    "longest_gap": ("days", "consecutive days without a play, between two with one; their first"),
    "longest_session": ("ms", "listening time; the day it began"),
    "earliest_start": (
        "minutes",
        f"earliest time at which a session began, from {NIGHT_ENDS}:00 on; minutes after midnight",
    ),
    "latest_start": ("minutes", f"latest such time, up to {NIGHT_ENDS - 1}:59 at night"),
}


def _entity_type(*accepted: str) -> ModelColumn:
    return in_primary_key(required("entity_type", LABEL, "Kind of the entity", info={"accepted": accepted}))


listening_streaks = table(
    "listening_streaks",
    "metrics",
    f"One row per listener and run of {STREAK_DAYS} or more consecutive local days with a play, of anything or of one "
    "artist. Implausible plays don't count.",
    by_listener(),
    _entity_type("any", "artist"),
    hash_key("entity_key", "The canonical artist; -2 for `any`", "dim_artist.artist_key", primary_key=True),
    optional("artist_name", TEXT, "As in `dim_artist`; null for `any`"),
    in_primary_key(required("start", DAY, "Its first local day")),
    required("end", DAY, "Its last local day"),
    required("days", NUMBER, "Days from `start` to `end`, both included"),
    CheckConstraint(f"days >= {STREAK_DAYS}", name="long_enough"),
)

milestones = table(
    "milestones",
    "metrics",
    "One row per listener, kind of milestone and value that was reached.",
    by_listener(),
    in_primary_key(
        required(
            "kind",
            LABEL,
            "; ".join(f"`{kind}`: {meaning}" for kind, meaning in MILESTONE_KINDS.items()),
            info={"accepted": tuple(MILESTONE_KINDS)},
        )
    ),
    in_primary_key(required("value", COUNT, "What was reached: plays, hours, artists, or days")),
    optional(
        "reached_on",
        DAY,
        "Local day on which it was reached; null of `eddington` and `artist_cutover`, which are as of the last day",
    ),
    hash_key("artist_key", "The artist of that number; -2 for other kinds", "dim_artist.artist_key"),
    CheckConstraint("value > 0", name="value_is_positive"),
)

records = table(
    "records",
    "metrics",
    "One row per listener and record, the first of several. Implausible plays are left out, except of the artists and "
    "tracks of a day.",
    by_listener(),
    in_primary_key(
        required(
            "record",
            LABEL,
            "Days and times are local. " + "; ".join(f"`{name}`: {meaning}" for name, (_, meaning) in RECORDS.items()),
            info={"accepted": tuple(RECORDS)},
        )
    ),
    required("record_value", RATE, "How much, in `unit`"),
    required(
        "unit",
        LABEL,
        "Unit of `record_value`",
        info={"accepted": tuple(dict.fromkeys(u for u, _ in RECORDS.values()))},
    ),
    optional("happened_on", DAY, "Local day; null where it is of all time"),
    optional("name", TEXT, "The recording; null where it is of none"),
    optional("artist_name", TEXT, "The artist; null where it is of none"),
    CheckConstraint("record_value >= 0", name="record_value_is_positive"),
)

discoveries = table(
    "discoveries",
    "metrics",
    "One row per listener and artist or recording: how it was discovered, and what became of it. Tracks only.",
    by_listener(),
    _entity_type("artist", "track"),
    in_primary_key(hash_key("entity_key", "The canonical artist or recording")),
    required("name", TEXT, "Name of the artist or recording"),
    required("artist_name", TEXT, "Name of the artist"),
    required("first_played_at", TIME, "End of the first play (UTC)"),
    required("discovered_on", DAY, "Local day of the first play"),
    required(
        "started_by",
        LABEL,
        "How the first play began: " + "; ".join(f"`{how}`: {meaning}" for how, meaning in STARTED_BY.items()),
        info={"accepted": tuple(STARTED_BY)},
    ),
    required("platform", LABEL, f"Device of the first play; `{UNKNOWN}` where missing"),
    *[
        required(f"plays_in_{days}_days", COUNT, f"Plays in the {days} local days from `discovered_on` on")
        for days in DISCOVERY_DAYS
    ],
    required("total_plays", COUNT, "All plays"),
    required("became_regular", FLAG, f"Whether there are {REGULAR_PLAYS} plays or more"),
    CheckConstraint("plays_in_7_days BETWEEN 1 AND plays_in_30_days", name="month_holds_week"),
    CheckConstraint("plays_in_365_days <= total_plays", name="all_hold_year"),
)

discovery_cohorts = table(
    "discovery_cohorts",
    "metrics",
    "One row per listener, kind of entity, local month of discovery and month since, up to that of the last play: "
    "what of that month's discoveries was still played.",
    by_listener(),
    _entity_type("artist", "track"),
    in_primary_key(required("cohort_month", DAY, "First day of the local month of the first play")),
    required(
        "months_since",
        NUMBER,
        f"Months since `cohort_month`, 0 to {COHORT_MONTHS}",
        primary_key=True,
        autoincrement=False,
    ),
    required("entities", COUNT, "Artists or recordings that were first played in `cohort_month`"),
    required("still_played", COUNT, "Of `entities`: with a play in that month"),
    required("plays", COUNT, "Plays of these in that month"),
    required("ms_played", COUNT, "Listening time of these in that month (ms)"),
    CheckConstraint("still_played <= entities AND still_played <= plays", name="still_played_within_entities"),
    CheckConstraint(f"months_since BETWEEN 0 AND {COHORT_MONTHS}", name="within_months"),
)
