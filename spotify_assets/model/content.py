"""What music was listened to, by local month: its genres, its age and how it sounds."""

from spotify_assets.model.catalogue import SHARES
from spotify_assets.model.columns import COUNT, DAY, FLAG, LABEL, NUMBER, RATE, optional, required, table
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.genres import GENRE_FAMILIES
from spotify_assets.model.metrics import by_listener, in_primary_key

# Of audio features, those with a mean that says something: a key or a bar's beats have none.
MEAN_FEATURES = {
    **SHARES,
    "loudness": "Loudness (dB)",
    "tempo": "Beats per minute",
    "mode": "1 where in major, 0 where in minor: so the share of major",
}
# Months before this one that a family's share is compared with, and how many there must be.
TRAILING_MONTHS, MIN_TRAILING_MONTHS = 24, 12
DEVIATIONS = 2


def local_month() -> ModelColumn:
    return in_primary_key(required("month", DAY, "First day of the local month"))


def covered_time(known: str) -> list[ModelColumn | CheckConstraint]:
    """Listening time of tracks in a month, and of how much of it an attribute is known."""
    return [
        required("music_ms_played", COUNT, "Listening time of all tracks in the month (ms)"),
        required("known_ms_played", COUNT, f"Of `music_ms_played`: of tracks whose {known} (ms)"),
        optional("coverage", RATE, "`known_ms_played` by `music_ms_played` (0 to 1); null where that is 0"),
        required("is_complete", FLAG, "Whether the month is over: it lies before that of the listener's last play"),
        CheckConstraint("known_ms_played <= music_ms_played", name="known_within_all"),
        CheckConstraint("coverage BETWEEN 0 AND 1", name="coverage_is_a_share"),
    ]


genre_trends = table(
    "genre_trends",
    "metrics",
    "One row per listener, local month from that of the first to that of the last play, and genre family ever heard. "
    "Tracks only. The genres of a track's artists count in equal parts, a track without any for `coverage` only. "
    "Empty where no genre is known.",
    by_listener(),
    local_month(),
    required(
        "genre_family",
        LABEL,
        "Family of genres, as in `genre_families`",
        primary_key=True,
        info={"accepted": tuple(GENRE_FAMILIES)},
    ),
    required("plays", RATE, "Plays of the family: of a track with 1 of 4 genres in it, a quarter"),
    required("ms_played", COUNT, "Listening time of the family (ms), in the same parts"),
    optional("share", RATE, "`ms_played` by `known_ms_played` (0 to 1); null where that is 0"),
    required("trailing_12_ms_played", COUNT, "`ms_played` of this month and the 11 before"),
    required("trailing_12_known_ms_played", COUNT, "`known_ms_played` of this month and the 11 before"),
    optional(
        "trailing_12_share",
        RATE,
        "`trailing_12_ms_played` by `trailing_12_known_ms_played` (0 to 1); null where that is 0",
    ),
    optional(
        "growth",
        RATE,
        "`trailing_12_share` less that of a year before (-1 to 1); null where either is null",
    ),
    optional(
        "z_score",
        RATE,
        f"`share` less its mean of the {TRAILING_MONTHS} months before, in their standard deviations (of a "
        "population); a month without plays counts as 0. Months before the listener's first play don't count: null "
        f"where there are fewer than {MIN_TRAILING_MONTHS} others, where their shares are all equal, or where `share` "
        "is null",
    ),
    required(
        "is_emerging",
        FLAG,
        f"Whether `share` is more than {DEVIATIONS} standard deviations above the mean of the {TRAILING_MONTHS} "
        f"months before, which may be 0 both. False where these are fewer than {MIN_TRAILING_MONTHS}, and until the "
        "month is over",
    ),
    required("is_fading", FLAG, f"As `is_emerging`, but more than {DEVIATIONS} standard deviations below"),
    *covered_time("genres are known"),
    CheckConstraint("plays >= 0 AND ms_played >= 0", name="not_negative"),
    CheckConstraint("share BETWEEN 0 AND 1", name="share_is_a_share"),
    CheckConstraint("trailing_12_share BETWEEN 0 AND 1", name="trailing_12_share_is_a_share"),
    CheckConstraint("NOT (is_emerging AND is_fading)", name="not_both_ways"),
)

era_activity = table(
    "era_activity",
    "metrics",
    "One row per listener, local month and decade of release that was heard in it. Tracks only; a track whose release "
    "is unknown counts for `coverage` only. Empty where no release is known.",
    by_listener(),
    local_month(),
    required(
        "release_decade",
        NUMBER,
        "First year of the decade in which the recording's most played id was released (a reissue: of the reissue)",
        primary_key=True,
        autoincrement=False,
    ),
    required("plays", COUNT, "Plays that were kept"),
    required("ms_played", COUNT, "Listening time (ms)"),
    optional("share", RATE, "`ms_played` by `known_ms_played` (0 to 1); null where that is 0"),
    *covered_time("release is known"),
    CheckConstraint("share BETWEEN 0 AND 1", name="share_is_a_share"),
)

audio_profile = table(
    "audio_profile",
    "metrics",
    "One row per listener and local month with a play of a track: how it sounded. Empty where no audio features are "
    "known.",
    by_listener(),
    local_month(),
    *[
        optional(name, RATE, f"{comment}: mean, weighted by listening time; null where it is never known")
        for name, comment in MEAN_FEATURES.items()
    ],
    optional(
        "distance_to_trailing_year",
        RATE,
        f"How far the month is from the 12 before: root mean square of the differences of {', '.join(SHARES)} "
        "(0 to 1); null where either has no `known_ms_played`",
    ),
    required("trailing_known_ms_played", COUNT, "`known_ms_played` of the 12 months before"),
    *covered_time(f"{', '.join(SHARES)} are known"),
    *[CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"{name}_in_range") for name in SHARES],
    CheckConstraint("distance_to_trailing_year BETWEEN 0 AND 1", name="distance_in_range"),
)
