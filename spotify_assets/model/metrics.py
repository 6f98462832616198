"""Metrics by listener: partial aggregates by partition, and totals combined from them."""

from spotify_assets.model.columns import (
    CONTENT_TYPES,
    COUNT,
    DAY,
    DELIBERATE_STARTS,
    FLAG,
    KEY,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    TIME,
    UNKNOWN,
    completion_measures,
    end_measures,
    first_and_last_play,
    hash_key,
    implausible_measures,
    key,
    listener,
    mode_measures,
    music_and_spoken,
    optional,
    partition_start_column,
    play_measures,
    required,
    shuffle_measures,
    start_measures,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn


def in_primary_key(column: ModelColumn) -> ModelColumn:
    """Make a column part of the primary key, and return it."""
    column.primary_key = True
    return column


def by_listener() -> ModelColumn:
    return in_primary_key(listener())


def by_window() -> ModelColumn:
    return in_primary_key(partition_start_column())


def local_date() -> ModelColumn:
    return in_primary_key(required("date", DAY, "Local date, in the listener's zone"))


daily_track_plays = table(
    "daily_track_plays",
    "metrics",
    "One row per partition, listener, local date, recording, artist and album: a partial aggregate. "
    "A local day can straddle two partitions: sum it.",
    by_window(),
    by_listener(),
    local_date(),
    hash_key("recording_key", "The recording", primary_key=True),
    hash_key("artist_key", "The album's artist, as in `fct_plays`", primary_key=True),
    hash_key("album_key", "The album, as in `fct_plays`", primary_key=True),
    *play_measures(),
    *shuffle_measures(),
    *start_measures(),
    *completion_measures(),
    required("skipped_ms_played", COUNT, "Listening time of skipped plays (ms)"),
    *implausible_measures(),
    required("wrapped_plays", COUNT, "Plays of more than 30 seconds that were not incognito: what Wrapped counts"),
    *first_and_last_play("recording that day"),
    window="window_at",
    sorted_by="recording_key",
)

hourly_listening = table(
    "hourly_listening",
    "metrics",
    "One row per partition, listener, local date, hour, device and country: a partial aggregate of all content "
    "types. A local hour can straddle two partitions: sum it.",
    by_window(),
    by_listener(),
    local_date(),
    required("hour", NUMBER, "Local hour (0 to 23), in the listener's zone", primary_key=True, autoincrement=False),
    required(
        "platform", LABEL, "Device, normalized, its first 255 characters; `unknown` where missing", primary_key=True
    ),
    required(
        "conn_country",
        LABEL,
        f"Country of the connection (ISO 3166-1); `{UNKNOWN}` where missing or `ZZ`",
        primary_key=True,
    ),
    *play_measures(),
    *music_and_spoken(),
    *shuffle_measures(),
    *start_measures(),
    *end_measures(),
    *mode_measures(),
    *implausible_measures(),
    CheckConstraint("plays = music_plays + spoken_plays", name="music_and_spoken_are_all_plays"),
    CheckConstraint("ms_played = music_ms_played + spoken_ms_played", name="music_and_spoken_are_all_time"),
    window="window_at",
)

daily_spoken_plays = table(
    "daily_spoken_plays",
    "metrics",
    "One row per partition, listener, local date and episode or chapter: a partial aggregate. "
    "A local day can straddle two partitions: sum it.",
    by_window(),
    by_listener(),
    local_date(),
    key("episode_key", "The episode or chapter, as in `fct_plays`", primary_key=True),
    *play_measures(),
    *completion_measures(),
    *first_and_last_play("episode that day"),
    window="window_at",
)

# In order of precedence: a play began by the first that applies.
STARTED_BY = {
    "deliberate": "a person chose it",
    "shuffle": "shuffle was on",
    "queue": "it followed what played before, by a queue, a list or autoplay",
    UNKNOWN: "its `reason_start` is missing",
}

monthly_content = table(
    "monthly_content",
    "metrics",
    "One row per partition, listener, content and spelling of its names: a partial aggregate, from which the "
    "dimensions are built.",
    by_window(),
    by_listener(),
    required("content_type", LABEL, "What was played", info={"accepted": CONTENT_TYPES}, primary_key=True),
    key("content_key", "As in `plays`", primary_key=True),
    hash_key("spelling_key", "Hash of the names that follow, as spelled", primary_key=True),
    hash_key("recording_key", "As in `fct_plays`"),
    hash_key("artist_key", "As in `fct_plays`"),
    hash_key("album_key", "As in `fct_plays`"),
    optional("content_uri", LABEL, "Spotify URI; null where no play has an id"),
    optional("track_name", TEXT, "As in `plays`"),
    optional("artist_name", TEXT, "As in `plays`"),
    optional("album_name", TEXT, "As in `plays`"),
    optional("episode_name", TEXT, "As in `plays`"),
    optional("show_name", TEXT, "As in `plays`"),
    *play_measures(),
    *shuffle_measures(),
    *first_and_last_play("content"),
    required(
        "first_started_by",
        LABEL,
        "How the first play began: " + "; ".join(f"`{how}`: {meaning}" for how, meaning in STARTED_BY.items()),
        info={"accepted": tuple(STARTED_BY)},
    ),
    required("first_platform", LABEL, "Device of the first play, as in `plays`"),
    window="window_at",
    sorted_by="content_key",
)

daily_listening = table(
    "daily_listening",
    "metrics",
    "One row per listener and local date with a play; all content types.",
    by_listener(),
    local_date(),
    *play_measures(),
    *music_and_spoken(),
    *shuffle_measures(),
    *start_measures(),
    *mode_measures(),
    *implausible_measures(),
    required("night_ms_played", COUNT, "Listening time in the local hours 0 to 4 (ms)"),
    required("tracks", COUNT, "Different canonical recordings"),
    required("artists", COUNT, "Different canonical artists of tracks"),
    required("albums", COUNT, "Different canonical albums of tracks"),
    CheckConstraint("plays = music_plays + spoken_plays", name="music_and_spoken_are_all_plays"),
    CheckConstraint("tracks <= music_plays", name="tracks_within_plays"),
)

listening_clock = table(
    "listening_clock",
    "metrics",
    "One row per listener, local day of the week and hour with a play.",
    by_listener(),
    required("day_of_week", NUMBER, "ISO 8601 day of the week (1 is Monday)", primary_key=True, autoincrement=False),
    required("hour", NUMBER, "Local hour (0 to 23)", primary_key=True, autoincrement=False),
    *play_measures(),
    CheckConstraint("day_of_week BETWEEN 1 AND 7", name="day_of_a_week"),
    CheckConstraint("hour BETWEEN 0 AND 23", name="hour_of_a_day"),
)


# Days of the state's definition; the last of them is the listener's last local day with a play.
NEW_DAYS = REDISCOVERED_DAYS = 30
CURRENT_DAYS = 90
FORGOTTEN_PLAYS = 15
PEAK_DAYS = 7
FORGOTTEN_AFTER = "`SPOTIFY_ASSETS_FORGOTTEN_AFTER_DAYS` (180 unless set)"
OBSESSION = "`SPOTIFY_ASSETS_OBSESSION_PLAYS` (5 unless set)"
# The first that applies.
STATES = {
    "new": f"first played in the listener's last {NEW_DAYS} days",
    "rediscovered": f"played in the last {REDISCOVERED_DAYS} days after a gap of {FORGOTTEN_AFTER} days or more",
    "forgotten": f"{FORGOTTEN_PLAYS} plays or more, but none in the last days, as many as that gap has",
    "current": f"the last {CURRENT_DAYS} days have at least half of the mean plays of as many since the first",
    "fading": "some plays in the last days, as many as that gap has",
    "past": "none in these",
}


def all_time_measures(what: str) -> list[ModelColumn | CheckConstraint]:
    """All-time measures and rank; tracks only."""
    return [
        required("total_plays", COUNT, "Plays that were kept"),
        required("total_streams", COUNT, "Plays of 30 seconds or more"),
        required("total_ms_played", COUNT, "Listening time (ms)"),
        required("avg_ms_played", RATE, "Mean listening time per play (ms)"),
        optional("skip_rate", RATE, "Skipped plays over plays whose `skipped` is known; null where it never is"),
        optional("shuffle_rate", RATE, "Shuffled plays over plays whose `shuffle` is known; null where it never is"),
        *first_and_last_play(what),
        required(
            "rank",
            COUNT,
            f"Place of the {what} among the listener's by total_ms_played, ties by key (1 is most)",
        ),
        CheckConstraint("total_plays > 0 AND total_streams <= total_plays", name="streams_within_plays"),
        CheckConstraint("skip_rate BETWEEN 0 AND 1", name="skip_rate_is_a_share"),
        CheckConstraint("shuffle_rate BETWEEN 0 AND 1", name="shuffle_rate_is_a_share"),
        *life_columns(what),
    ]


def life_columns(what: str) -> list[ModelColumn | CheckConstraint]:
    """How plays began and ended, and figures of local days: implausible plays are left out of these."""
    return [
        required("skips", COUNT, "Plays that were skipped; unknown ones don't count"),
        required("skips_known", COUNT, "Plays whose `skipped` is known"),
        required("shuffles_known", COUNT, "Plays whose `shuffle` is known"),
        optional("mean_ms_to_skip", RATE, "Mean listening time of skipped plays (ms); null where there is none"),
        required("starts_known", COUNT, "Plays whose `reason_start` is known"),
        optional(
            "deliberate_share",
            RATE,
            f"Plays that a person chose ({', '.join(DELIBERATE_STARTS)}) by `starts_known` (0 to 1); null where that "
            "is 0",
        ),
        required("plays_with_length", COUNT, "Plays of recordings whose length is known"),
        optional(
            "completion",
            RATE,
            "How much of a play was heard, on average (0 to 1): 1 where the track ended, else listening time by "
            "length, at most 1, added up by recording and local day; of `plays_with_length`, null where that is 0",
        ),
        optional(
            "length_coverage",
            RATE,
            "Share of the listening time whose length is known (0 to 1): what `completion` covers; null without "
            "listening time",
        ),
        required(
            "state",
            LABEL,
            f"What the {what} is to the listener on their last day with a play, the first that applies: "
            + "; ".join(f"`{name}`: {meaning}" for name, meaning in STATES.items()),
            info={"accepted": tuple(STATES)},
        ),
        required("active_days", NUMBER, "Local days with a play"),
        optional("days_to_10th_play", NUMBER, "Days from the first to the tenth play; null with fewer plays"),
        required("longest_streak_days", NUMBER, "Most consecutive local days with a play"),
        required(
            "longest_gap_days",
            NUMBER,
            "Most consecutive local days without a play between two plays; 0 where there is no such day",
        ),
        required("rediscoveries", NUMBER, f"Plays after a gap of {FORGOTTEN_AFTER} days or more without one"),
        optional("best_day", DAY, "Local day with the most plays, the first of several; null without plausible plays"),
        required("best_day_plays", COUNT, "Plays on `best_day`"),
        optional("best_month", DAY, "First day of the local month with the most plays, the first of several"),
        required("best_month_plays", COUNT, "Plays in `best_month`"),
        optional(
            "peak_7_days_end", DAY, f"Last of the {PEAK_DAYS} local days with the most plays, the first of several"
        ),
        required("peak_7_days_plays", COUNT, f"Most plays in {PEAK_DAYS} consecutive local days"),
        optional(
            "half_life_days",
            NUMBER,
            f"Days from `peak_7_days_end` to the first day, {PEAK_DAYS} or more later, whose last {PEAK_DAYS} days "
            "have fewer than half of `peak_7_days_plays`; null where there is none up to the listener's last day",
        ),
        CheckConstraint("skips <= skips_known AND skips_known <= total_plays", name="skips_within_plays"),
        CheckConstraint("deliberate_share BETWEEN 0 AND 1", name="deliberate_share_is_a_share"),
        CheckConstraint("completion BETWEEN 0 AND 1", name="completion_is_a_share"),
        CheckConstraint("longest_streak_days <= active_days", name="streak_within_days"),
        CheckConstraint("best_day_plays <= peak_7_days_plays", name="best_day_within_peak"),
        CheckConstraint("peak_7_days_plays <= total_plays", name="peak_within_plays"),
        CheckConstraint("half_life_days >= 7", name="half_life_after_peak"),
    ]


track_metrics = table(
    "track_metrics",
    "metrics",
    "One row per listener and canonical recording; tracks only, all time.",
    by_listener(),
    hash_key("recording_key", "The canonical recording", "dim_recording.recording_key", primary_key=True),
    key("track_key", "The recording's most played id", "dim_track.track_key"),
    required("track_name", TEXT, "As in `dim_recording`"),
    required("artist_name", TEXT, "The album's artist, as in `dim_recording`"),
    *all_time_measures("recording"),
    required(
        "obsession",
        COUNT,
        f"How many weeks of {OBSESSION} plays or more there were: {PEAK_DAYS} local days, the first of them with a "
        "play; weeks don't overlap, and each begins as early as it can",
    ),
)

artist_metrics = table(
    "artist_metrics",
    "metrics",
    "One row per listener and canonical artist; tracks only, all time.",
    by_listener(),
    hash_key("artist_key", "The album's artist, canonical", "dim_artist.artist_key", primary_key=True),
    required("artist_name", TEXT, "As in `dim_artist`"),
    *all_time_measures("artist"),
)

album_metrics = table(
    "album_metrics",
    "metrics",
    "One row per listener and canonical album; tracks only, all time.",
    by_listener(),
    hash_key("album_key", "The album, canonical", "dim_album.album_key", primary_key=True),
    required("album_name", TEXT, "As in `dim_album`"),
    required("artist_name", TEXT, "As in `dim_album`"),
    *all_time_measures("album"),
)


def playlist_content_columns(*more: ModelColumn) -> list[ModelColumn]:
    """Key of a playlist's content, and its names."""
    return [
        hash_key("playlist_key", "The playlist", "dim_playlist.playlist_key", primary_key=True),
        *more,
        key("content_key", "Spotify's id, or `name:` and a hash of the names", primary_key=True),
        required("content_type", LABEL, "Type of content", info={"accepted": ("track", "episode", "local")}),
        optional("track_key", KEY, "`content_key` of a track or local file; null for an episode"),
        required("name", TEXT, "Name of the track or episode, latest seen there"),
        required("artist_name", TEXT, "The album's artist, or the podcast, latest seen there"),
    ]


COVERED = {
    "genre": "genres of the artist, or of the track",
    "release": "release date",
    "length": "length of the track",
    "features": "audio features",
    "popularity": "popularity of the track",
}


def coverage_columns() -> list[ModelColumn]:
    """Of plays, listening time and tracks: all, those of which the attribute is known, and their share."""
    measures = {
        "plays": ("play", "Plays of tracks"),
        "ms_played": ("ms", "Listening time of tracks (ms)"),
        "tracks": ("track", "Different canonical recordings played"),
    }
    return [
        column
        for name, (one, comment) in measures.items()
        for column in (
            required(name, COUNT, comment),
            required(f"known_{name}", COUNT, f"Of `{name}`: where the attribute is known"),
            optional(f"{one}_share", RATE, f"`known_{name}` by `{name}` (0 to 1); null where that is 0"),
        )
    ]


catalogue_coverage = table(
    "catalogue_coverage",
    "metrics",
    "One row per listener and attribute of tracks that the Web API or catalogue files tell: of how much of what was "
    "heard it is known. All time, tracks only.",
    by_listener(),
    required(
        "attribute",
        LABEL,
        "What is known: " + "; ".join(f"`{name}`: {meaning}" for name, meaning in COVERED.items()),
        primary_key=True,
        info={"accepted": tuple(COVERED)},
    ),
    *coverage_columns(),
    *[
        CheckConstraint(f"known_{name} BETWEEN 0 AND {name}", name=f"known_{name}_within_{name}")
        for name in ("plays", "ms_played", "tracks")
    ],
)

playlist_changes = table(
    "playlist_changes",
    "metrics",
    "One row per playlist, snapshot and track or episode that entered, left or moved since the previous snapshot. "
    "The first snapshot of a playlist has none: what was there before is unknown.",
    *playlist_content_columns(required("snapshot_date", DAY, "Day of the snapshot (UTC)", primary_key=True)),
    required("change", LABEL, "Kind of change", info={"accepted": ("entered", "left", "moved")}),
    optional("position", NUMBER, "Its first place now (0-based); null where it left"),
    optional("previous_position", NUMBER, "Its first place before (0-based); null where it entered"),
    optional("places_up", NUMBER, "Places that it rose; negative where it fell; null unless it moved"),
    required("previous_snapshot_date", DAY, "Day of the previous snapshot (UTC); the change happened after it"),
    required("days", NUMBER, "Days between the two; more than 1 where days are missing"),
    CheckConstraint("days > 0", name="snapshots_in_order"),
    CheckConstraint("(change = 'left') = (position IS NULL)", name="what_left_has_no_position"),
    CheckConstraint("(change = 'entered') = (previous_position IS NULL)", name="what_entered_had_no_position"),
)

playlist_track_tenure = table(
    "playlist_track_tenure",
    "metrics",
    "One row per playlist and track or episode that was ever on it.",
    *playlist_content_columns(),
    required("first_seen_on", DAY, "First snapshot that has it (UTC)"),
    required("last_seen_on", DAY, "Latest snapshot that has it (UTC)"),
    required("days_on_list", NUMBER, "Snapshots that have it; days without a snapshot don't count"),
    required("entries", NUMBER, "Times that it entered the playlist; being on the first snapshot counts as one"),
    required("peak_position", NUMBER, "Its best place (0-based)"),
    required("peak_on", DAY, "First snapshot that has it there (UTC)"),
    optional("current_position", NUMBER, "Its place in the latest snapshot (0-based); null where it is gone"),
    required("is_current", FLAG, "Whether the latest snapshot of the playlist has it"),
    optional("added_at", TIME, "When it was first added (UTC), as its snapshots tell; null where none does"),
    CheckConstraint("first_seen_on <= last_seen_on", name="seen_in_order"),
    CheckConstraint("is_current = (current_position IS NOT NULL)", name="current_has_a_position"),
    CheckConstraint("entries BETWEEN 1 AND days_on_list", name="entries_within_days"),
)
