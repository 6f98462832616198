"""How a listener plays: starts, ends, settings, devices, hours, lengths of plays."""

from spotify_assets.model.columns import (
    CODE,
    CONTENT_TYPES,
    COUNT,
    LABEL,
    NUMBER,
    RATE,
    UNKNOWN,
    end_measures,
    optional,
    play_measures,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.metrics import by_listener, by_window, in_primary_key

# Seconds: width of a bucket, and start of the last one, which has no end.
BUCKET_SECONDS = 5
LAST_BUCKET = 600

# First place in the session of each group of places.
POSITIONS = {"1": 1, "2": 2, "3-5": 3, "6-10": 6, "11+": 11}

DIMENSIONS = {
    "platform_family": "kind of device, as in `dim_platform`",
    "reason_start": "why the play began, as in `plays`",
    "reason_end": "why the play ended, as in `plays`",
    "shuffle": "whether shuffle was on",
    "content_type": "what was played",
    "conn_country": "country of the connection",
    "offline": "whether it was played offline",
    "incognito": "whether it was a private session",
    "hour": "local hour, 00 to 23",
    "day_of_week": "ISO 8601 day of the week, 1 is Monday",
    "position_in_session": "place in the listening session, without implausible plays",
}


def local_year(comment: str) -> ModelColumn:
    return in_primary_key(required("year", NUMBER, comment, autoincrement=False))


def flag_column(name: str) -> ModelColumn:
    return in_primary_key(required(name, CODE, f"`{name}` of `plays`", info={"accepted": ("true", "false", UNKNOWN)}))


monthly_behaviour = table(
    "monthly_behaviour",
    "metrics",
    "One row per partition, listener, local year and combination of how plays were started, ended and set: a partial "
    "aggregate of all content types.",
    by_window(),
    by_listener(),
    local_year("Local year, as of `local_date` in `plays`"),
    in_primary_key(required("content_type", CODE, "What was played", info={"accepted": CONTENT_TYPES})),
    in_primary_key(required("reason_start", LABEL, "As in `plays`")),
    in_primary_key(required("reason_end", LABEL, "As in `plays`")),
    flag_column("shuffle"),
    flag_column("offline"),
    flag_column("incognito"),
    in_primary_key(
        required(
            "position_in_session",
            CODE,
            "Place in the session; `edge` where the session may have begun in another partition, `unknown` for an "
            "implausible play",
            info={"accepted": (*POSITIONS, "edge", UNKNOWN)},
        )
    ),
    *play_measures(),
    *end_measures(),
    window="window_at",
)

monthly_play_lengths = table(
    "monthly_play_lengths",
    "metrics",
    "One row per partition, listener, local year and length of play: a partial aggregate of tracks.",
    by_window(),
    by_listener(),
    local_year("Local year, as of `local_date` in `plays`"),
    in_primary_key(required("second_bucket", NUMBER, "As in `play_lengths`", autoincrement=False)),
    required("plays", COUNT, "Plays of that length"),
    required("skipped", COUNT, "Of these: plays that were skipped"),
    required("skips_known", COUNT, "Of these: plays whose `skipped` is known"),
    required("finished", COUNT, "Of these: plays that ended because the content did"),
    window="window_at",
)

listening_behaviour = table(
    "listening_behaviour",
    "metrics",
    "One row per listener, local year, dimension and value with a play; all content types.",
    by_listener(),
    local_year("Local year; 0 for all years"),
    in_primary_key(
        required(
            "dimension",
            LABEL,
            "What plays are divided by: " + "; ".join(f"`{name}`: {meaning}" for name, meaning in DIMENSIONS.items()),
            info={"accepted": tuple(DIMENSIONS)},
        )
    ),
    in_primary_key(required("value", LABEL, f"Its value; `{UNKNOWN}` where the record lacks it")),
    *play_measures(),
    *end_measures(),
    optional("skip_rate", RATE, "`skips` by `skips_known` (0 to 1); null where that is 0"),
    optional("finished_rate", RATE, "`finished` by `ends_known` (0 to 1); null where that is 0"),
    optional("play_share", RATE, "`plays` by all plays of the listener and year in that dimension (0 to 1)"),
    CheckConstraint("plays > 0 AND skips <= skips_known AND skips_known <= plays", name="behaviour_within_plays"),
    CheckConstraint("finished <= ends_known AND ends_known <= plays", name="finished_within_plays"),
)

play_lengths = table(
    "play_lengths",
    "metrics",
    "One row per listener, local year and bucket of 5 seconds in which plays of tracks ended: how long plays last.",
    by_listener(),
    local_year("Local year; 0 for all years"),
    in_primary_key(
        required(
            "second_bucket",
            NUMBER,
            f"Length of the play, rounded down to {BUCKET_SECONDS} s (s); {LAST_BUCKET} holds all longer ones",
            autoincrement=False,
        )
    ),
    required("plays", COUNT, "Plays that ended in it"),
    required("skipped", COUNT, "Of these: plays that were skipped; unknown ones don't count"),
    required("skips_known", COUNT, "Of these: plays whose `skipped` is known"),
    required("finished", COUNT, "Of these: plays that ended because the content did"),
    required("plays_reached", COUNT, "Plays of the listener and year that lasted to the bucket's start or longer"),
    required("survival", RATE, "`plays_reached` by all plays of the listener and year (0 to 1)"),
    CheckConstraint(f"second_bucket BETWEEN 0 AND {LAST_BUCKET}", name="bucket_in_range"),
    CheckConstraint("plays > 0 AND skipped <= skips_known AND finished <= plays", name="lengths_within_plays"),
)
