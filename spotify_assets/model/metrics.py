"""Metrics by listener: partial aggregates by partition, and totals combined from them."""

from sqlalchemy import CheckConstraint, Column

from spotify_assets.model.columns import (
    CONTENT_TYPES,
    COUNT,
    DAY,
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


def in_primary_key(column: Column) -> Column:
    """Make a column part of the primary key, and return it."""
    column.primary_key = True
    return column


def by_listener() -> Column:
    return in_primary_key(listener())


def by_window() -> Column:
    return in_primary_key(partition_start_column())


def local_date() -> Column:
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
    required("wrapped_plays", COUNT, "Plays of more than 30 seconds that were not incognito: what Wrapped counts"),
    *first_and_last_play("recording that day"),
    window="window_at",
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


def all_time_measures(what: str) -> list[Column | CheckConstraint]:
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


def playlist_content_columns(*more: Column) -> list[Column]:
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


def coverage_columns() -> list[Column]:
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
