"""What was heard of podcasts and audiobooks."""

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    RATE,
    TEXT,
    first_and_last_play,
    hash_key,
    key,
    optional,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint
from spotify_assets.model.metrics import by_listener

SPOKEN_TYPES = ("episode", "audiobook")

episode_metrics = table(
    "episode_metrics",
    "metrics",
    "One row per listener and podcast episode or audiobook chapter; all time.",
    by_listener(),
    key("episode_key", "The episode or chapter", "dim_episode.episode_key", primary_key=True),
    required("content_type", LABEL, "What it is", info={"accepted": SPOKEN_TYPES}),
    required("episode_name", TEXT, "As in `dim_episode`"),
    required("show_name", TEXT, "As in `dim_episode`"),
    required("plays", COUNT, "Plays that were kept"),
    required("ms_played", COUNT, "Listening time (ms)"),
    required("parts", COUNT, "Plays of 30 seconds or more: in how many parts it was heard"),
    required("days", COUNT, "Different local days with a play of it"),
    required("finished", FLAG, "Whether a play ended because the episode did (`reason_end` is `trackdone`)"),
    optional("duration_ms", COUNT, "Length (ms), as in `dim_episode`; null where unknown"),
    optional(
        "completion",
        RATE,
        "How much of it was heard: 1 where `finished`, else `ms_played` by `duration_ms`, at most 1; null where that "
        "is unknown",
    ),
    *first_and_last_play("episode"),
    CheckConstraint("parts BETWEEN 0 AND plays", name="parts_within_plays"),
    CheckConstraint("days BETWEEN 1 AND plays", name="days_within_plays"),
    CheckConstraint("completion BETWEEN 0 AND 1", name="completion_is_a_share"),
)

show_metrics = table(
    "show_metrics",
    "metrics",
    "One row per listener and podcast or audiobook, by normalized name; all time. Episodes of unknown shows are left "
    "out.",
    by_listener(),
    hash_key("show_key", "Hash of content type and normalized name", primary_key=True),
    required("content_type", LABEL, "What its episodes are", info={"accepted": SPOKEN_TYPES}),
    required("show_name", TEXT, "Name, as the episode has it that was played last"),
    required("episodes", COUNT, "Different episodes or chapters with a play"),
    required("plays", COUNT, "Plays that were kept"),
    required("ms_played", COUNT, "Listening time (ms)"),
    required("days", COUNT, "Different local days with a play"),
    required("episodes_finished", COUNT, "Episodes of which a play ended because they did"),
    required(
        "episodes_resumed", COUNT, "Episodes that were heard in parts: in two or more plays of 30 seconds or more"
    ),
    required("lengths_known", COUNT, "Episodes whose length is known"),
    optional(
        "completion", RATE, "Mean `completion` of these in `episode_metrics` (0 to 1); null where there are none"
    ),
    required(
        "longest_binge", COUNT, "Most different episodes heard for 30 seconds or more in one play on a local day"
    ),
    optional("longest_binge_on", DAY, "The first such day; null where `longest_binge` is 0"),
    *first_and_last_play("show"),
    required("rank", COUNT, "Place of the show among the listener's by ms_played, ties by key (1 is most)"),
    CheckConstraint(
        "episodes_finished <= episodes AND episodes_resumed <= episodes AND lengths_known <= episodes",
        name="counts_within_episodes",
    ),
    CheckConstraint("longest_binge <= episodes", name="binge_within_episodes"),
    CheckConstraint("(longest_binge = 0) = (longest_binge_on IS NULL)", name="binge_has_a_day"),
    CheckConstraint("completion BETWEEN 0 AND 1", name="completion_is_a_share"),
)
