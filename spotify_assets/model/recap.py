"""What a year's recap shows."""

from spotify_assets.model.behaviour import local_year
from spotify_assets.model.columns import COUNT, DAY, FLAG, LABEL, NUMBER, RATE, TEXT, TEXTS, optional, required, table
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.life import REGULAR_PLAYS
from spotify_assets.model.metrics import by_listener
from spotify_assets.model.periods import CHART_ENTITIES, compared_columns

TOP = 5
# The last month and day that Wrapped counts. Spotify says that it is in the middle of November, but not which day.
WRAPPED_END = (11, 15)
# Listening age: the age of somebody who was 16 to 21 years old in a span of release years. In its first year, so many
# years after their birth, they are 16 or 17; in its last, 20 or 21.
SPAN_YEARS, YEARS_TO_SPAN = 5, 17


def top_columns(prefix: str, order: str, figures: dict[str, str]) -> list[ModelColumn]:
    """Lists of the top artists, tracks and albums by one rule, with figures.

    Args:
        prefix: `ours` or `wrapped`.
        order: By what they are ranked.
        figures: Comment of each figure, by the end of its column's name.
    """
    columns = []
    for entity in ("artist", "track", "album"):
        name = f"{prefix}_{entity}s"
        columns.append(
            required(name, TEXTS, f"Top {TOP} {entity}s of the year by {order}; fewer where there are fewer")
        )
        if entity != "artist":
            columns.append(required(f"{name}_by", TEXTS, f"The album's artist of each of `{name}`"))
        columns += [
            required(f"{name}_{end}", TEXTS, f"{comment} of each of `{name}`, a whole number as text")
            for end, comment in figures.items()
        ]
    return columns


yearly_recap = table(
    "yearly_recap",
    "metrics",
    "One row per listener and local year with a play: all that a recap of the year shows. Lists that belong together "
    "have one order, and numbers in them are text, as not every store has lists of numbers.",
    by_listener(),
    local_year("Local year"),
    required("plays", COUNT, "Plays that were kept; all content types"),
    required("streams", COUNT, "Plays of 30 seconds or more"),
    required("ms_played", COUNT, "Listening time (ms)"),
    required("music_ms_played", COUNT, "Listening time of tracks (ms)"),
    required("spoken_ms_played", COUNT, "Listening time of podcast episodes and audiobooks (ms)"),
    *[required(f"{entity}s", COUNT, f"Different canonical {name}s") for entity, name in CHART_ENTITIES.items()],
    required("new_tracks", COUNT, "Of `tracks`: played for the first time ever"),
    required("new_artists", COUNT, "Of `artists`: played for the first time ever"),
    required("active_days", COUNT, "Local days with a play"),
    required("days", COUNT, "Local days of the year, from the listener's first to last day"),
    optional("skip_rate", RATE, "Skipped plays by `skips_known` (0 to 1); null where that is 0"),
    required("skips_known", COUNT, "Plays whose `skipped` is known"),
    optional("shuffle_share", RATE, "Shuffled plays by `shuffles_known` (0 to 1); null where that is 0"),
    required("shuffles_known", COUNT, "Plays whose `shuffle` is known"),
    *compared_columns("year_before", "the year before"),
    required("is_complete", FLAG, "Whether the year is over: it ends before the listener's last day"),
    optional(
        "top_month",
        DAY,
        "First day of the local month with most listening time, the first of several. Implausible plays are left out, "
        "as of all days, months and streaks here; null where there are no others",
    ),
    optional("top_month_ms_played", COUNT, "Listening time in `top_month` (ms)"),
    optional("biggest_day", DAY, "Local day with most listening time, the first of several; null as `top_month`"),
    optional("biggest_day_ms_played", COUNT, "Listening time on `biggest_day` (ms)"),
    required(
        "longest_streak_days",
        NUMBER,
        "Most consecutive local days with a play; of a streak over New Year the days within the year",
    ),
    optional("longest_streak_start", DAY, "First day of the first such streak; null where there is none"),
    optional(
        "obsessive_week_start",
        DAY,
        "Monday of the most obsessive week: the ISO week with the most plays of one recording, of those on the weekly "
        "charts of `top_charts`; of several the first week, then the first key. A week is of the year of its Monday. "
        "Null where no week of the year has a chart",
    ),
    optional("obsessive_week_track", TEXT, "The recording; null as `obsessive_week_start`"),
    optional("obsessive_week_artist", TEXT, "The album's artist of the recording; null as `obsessive_week_start`"),
    optional("obsessive_week_plays", COUNT, "Its plays in that week; null as `obsessive_week_start`"),
    required(
        "discoveries_kept",
        COUNT,
        f"Artists that were first played in the year and became regulars: {REGULAR_PLAYS} plays or more up to today",
    ),
    required(
        "kept_artists", TEXTS, f"The first {TOP} of these by all plays up to today, ties by key; fewer where fewer are"
    ),
    optional(
        "top_genre",
        LABEL,
        "Family of genres with most listening time, as in `genre_trends`, ties by name; null where no genre is known",
    ),
    optional("top_genre_share", RATE, "Its share of the listening time whose genre is known (0 to 1); null as that"),
    optional(
        "genre_coverage",
        RATE,
        "Share of the listening time of tracks whose genre is known (0 to 1); null as `top_genre`",
    ),
    optional(
        "listening_span_start",
        NUMBER,
        f"First of the {SPAN_YEARS} years of release in a row that are most over-represented: their share of the "
        "listening time whose year of release is known, less their share for the lake's other listeners, of all time "
        "and all together, is the largest. Where there are no others, the comparison is with a uniform spread, so "
        "that it is the span with most time. Differences are rounded to 6 decimals, and of equal ones the earliest "
        "is taken; null where no year of release is known",
    ),
    optional(
        "listening_birth_year",
        NUMBER,
        f"`listening_span_start` less {YEARS_TO_SPAN}: who was born in it was 16 to 21 years old in these years",
    ),
    optional("listening_age", NUMBER, "`year` less `listening_birth_year` (years)"),
    optional(
        "release_coverage",
        RATE,
        "Share of the listening time of tracks whose year of release is known (0 to 1): what the listening age rests "
        "on; null without time of tracks",
    ),
    required("sessions", COUNT, "Sessions that started in the year, as in `listening_sessions`"),
    optional("mean_session_ms", RATE, "Mean listening time of one of these (ms); null where none started"),
    optional("longest_session_ms", COUNT, "Most listening time of one of these (ms); null where none started"),
    optional("longest_session_on", DAY, "Local day on which the first such session started"),
    optional(
        "top_platform_family",
        LABEL,
        "Kind of device with most listening time, as in `dim_platform`, ties by name; null where none is known",
    ),
    optional("top_platform_family_share", RATE, "Its share of `ms_played` (0 to 1); null as that"),
    *top_columns("ours", "listening time, as in `top_charts`", {"plays": "Plays", "ms_played": "Listening time (ms)"}),
    required(
        "sprint",
        TEXTS,
        "Of each of `ours_artists` its places on the charts of January to December, as text with commas between them; "
        "empty where it was not on the chart",
    ),
    required(
        "wrapped_plays",
        COUNT,
        "Plays that Spotify's Wrapped counts: of tracks, of more than 30 seconds, not incognito, from 1 January to 15 "
        "November (local)",
    ),
    *top_columns("wrapped", "`wrapped_plays`, ties by key", {"plays": "`wrapped_plays`"}),
    CheckConstraint("plays > 0 AND streams <= plays", name="streams_within_plays"),
    CheckConstraint("ms_played = music_ms_played + spoken_ms_played", name="music_and_spoken_are_all_time"),
    CheckConstraint("longest_streak_days <= active_days", name="streak_within_days"),
    CheckConstraint("top_genre_share BETWEEN 0 AND 1", name="top_genre_share_is_a_share"),
    CheckConstraint("genre_coverage BETWEEN 0 AND 1", name="genre_coverage_is_a_share"),
    CheckConstraint("top_platform_family_share BETWEEN 0 AND 1", name="top_platform_family_share_is_a_share"),
    CheckConstraint("wrapped_plays <= streams", name="wrapped_within_streams"),
    CheckConstraint("discoveries_kept <= new_artists", name="kept_within_new"),
    CheckConstraint("listening_age = year - listening_birth_year", name="age_since_birth"),
)
