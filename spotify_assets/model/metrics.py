"""Metrics, each by listener: partial aggregates by partition, and what is combined from them."""

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
    hash_key,
    key,
    listener,
    measures,
    music_and_spoken,
    needed,
    optional,
    partial_window,
    seen,
    shuffles,
    table,
)


def primary(column: Column) -> Column:
    """The same column as part of the primary key."""
    column.primary_key = True
    return column


def by_listener() -> Column:
    return primary(listener())


def by_window() -> Column:
    return primary(partial_window())


def local_date() -> Column:
    return primary(needed("date", DAY, "Local date, in the listener's zone"))


daily_track_plays = table(
    "daily_track_plays",
    "metrics",
    "One row per partition, listener, local date, recording and artist: a partial aggregate. "
    "A local day can straddle two partitions: sum it.",
    by_window(),
    by_listener(),
    local_date(),
    hash_key("recording_key", "The recording", primary_key=True),
    hash_key("artist_key", "The album's artist, as in `fct_plays`", primary_key=True),
    *measures(),
    *shuffles(),
    *seen("recording that day"),
    window="window_at",
)

hourly_listening = table(
    "hourly_listening",
    "metrics",
    "One row per partition, listener, local date, hour and device: a partial aggregate of every content type. "
    "A local hour can straddle two partitions: sum it.",
    by_window(),
    by_listener(),
    local_date(),
    needed("hour", NUMBER, "Local hour (0 to 23), in the listener's zone", primary_key=True, autoincrement=False),
    needed(
        "platform", LABEL, "Device, normalized, its first 255 characters; `unknown` where missing", primary_key=True
    ),
    *measures(),
    *music_and_spoken(),
    CheckConstraint("plays = music_plays + spoken_plays", name="music_and_spoken_are_all_plays"),
    CheckConstraint("ms_played = music_ms_played + spoken_ms_played", name="music_and_spoken_are_all_time"),
    window="window_at",
)

monthly_content = table(
    "monthly_content",
    "metrics",
    "One row per partition, listener, content and spelling of its names: a partial aggregate, from which the "
    "dimensions are built.",
    by_window(),
    by_listener(),
    needed("content_type", LABEL, "What was played", info={"accepted": CONTENT_TYPES}, primary_key=True),
    key("content_key", "As in `plays`", primary_key=True),
    hash_key("spelling_key", "Hash of the names that follow, as spelled", primary_key=True),
    hash_key("recording_key", "As in `fct_plays`"),
    hash_key("artist_key", "As in `fct_plays`"),
    hash_key("album_key", "As in `fct_plays`"),
    optional("content_uri", LABEL, "Spotify URI; null where no play names an id"),
    optional("track_name", TEXT, "As in `plays`"),
    optional("artist_name", TEXT, "As in `plays`"),
    optional("album_name", TEXT, "As in `plays`"),
    optional("episode_name", TEXT, "As in `plays`"),
    optional("show_name", TEXT, "As in `plays`"),
    *measures(),
    *shuffles(),
    *seen("content"),
    window="window_at",
)

daily_listening = table(
    "daily_listening",
    "metrics",
    "One row per listener and local date on which anything was played; every content type.",
    by_listener(),
    local_date(),
    *measures(),
    *music_and_spoken(),
    needed("tracks", COUNT, "Different recordings"),
    needed("artists", COUNT, "Different artists of tracks"),
    CheckConstraint("plays = music_plays + spoken_plays", name="music_and_spoken_are_all_plays"),
    CheckConstraint("tracks <= music_plays", name="tracks_within_plays"),
)

listening_clock = table(
    "listening_clock",
    "metrics",
    "One row per listener, local day of the week and hour in which anything was ever played.",
    by_listener(),
    needed("day_of_week", NUMBER, "ISO 8601 day of the week (1 is Monday)", primary_key=True, autoincrement=False),
    needed("hour", NUMBER, "Local hour (0 to 23)", primary_key=True, autoincrement=False),
    *measures(),
    CheckConstraint("day_of_week BETWEEN 1 AND 7", name="day_of_a_week"),
    CheckConstraint("hour BETWEEN 0 AND 23", name="hour_of_a_day"),
)


def totals(what: str) -> list[Column | CheckConstraint]:
    """All-time figures, tracks only."""
    return [
        needed("total_plays", COUNT, "Plays that were kept"),
        needed("total_streams", COUNT, "Plays of 30 seconds or more"),
        needed("total_ms_played", COUNT, "Listening time (ms)"),
        needed("avg_ms_played", RATE, "Listening time a play (ms)"),
        optional("skip_rate", RATE, "Skipped plays over plays where it is known; null where it never is"),
        optional("shuffle_rate", RATE, "Shuffled plays over plays where it is known; null where it never is"),
        *seen(what),
        needed(
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
    "One row per listener and recording; tracks only, all time.",
    by_listener(),
    hash_key("recording_key", "The recording", primary_key=True),
    key("track_key", "The recording's most played id", "dim_track.track_key"),
    needed("track_name", TEXT, "Latest spelling seen"),
    needed("artist_name", TEXT, "The album's artist, latest spelling seen"),
    *totals("recording"),
)

artist_metrics = table(
    "artist_metrics",
    "metrics",
    "One row per listener and artist; tracks only, all time.",
    by_listener(),
    hash_key("artist_key", "The album's artist", "dim_artist.artist_key", primary_key=True),
    needed("artist_name", TEXT, "As in `dim_artist`"),
    *totals("artist"),
)

album_metrics = table(
    "album_metrics",
    "metrics",
    "One row per listener and album; tracks only, all time.",
    by_listener(),
    hash_key("album_key", "The album", "dim_album.album_key", primary_key=True),
    needed("album_name", TEXT, "As in `dim_album`"),
    needed("artist_name", TEXT, "As in `dim_album`"),
    *totals("album"),
)


def playlist_content(*more: Column) -> list[Column]:
    """What of which playlist."""
    return [
        hash_key("playlist_key", "The playlist", "dim_playlist.playlist_key", primary_key=True),
        *more,
        key("content_key", "What it is: Spotify's id, or `name:` and a hash of the names", primary_key=True),
        needed("content_type", LABEL, "What it is", info={"accepted": ("track", "episode", "local")}),
        optional("track_key", KEY, "`content_key` of a track or local file; null for an episode"),
        needed("name", TEXT, "Name of the track or episode, latest seen there"),
        needed("artist_name", TEXT, "The album's artist, or the podcast, latest seen there"),
    ]


playlist_changes = table(
    "playlist_changes",
    "metrics",
    "One row per playlist, snapshot and track or episode that entered, left or moved since the snapshot before. "
    "The first snapshot of a playlist has none: what was there before is unknown.",
    *playlist_content(needed("snapshot_date", DAY, "Day of the snapshot that shows it (UTC)", primary_key=True)),
    needed("change", LABEL, "What happened", info={"accepted": ("entered", "left", "moved")}),
    optional("position", NUMBER, "Its first place now (0-based); null where it left"),
    optional("previous_position", NUMBER, "Its first place before (0-based); null where it entered"),
    optional("places_up", NUMBER, "Places that it rose; negative where it fell; null unless it moved"),
    needed("previous_snapshot_date", DAY, "The snapshot before: it happened after that (UTC)"),
    needed("days", NUMBER, "Days between the two; more than 1 where days are missing"),
    CheckConstraint("days > 0", name="snapshots_in_order"),
    CheckConstraint("(change = 'left') = (position IS NULL)", name="what_left_has_no_position"),
    CheckConstraint("(change = 'entered') = (previous_position IS NULL)", name="what_entered_had_no_position"),
)

playlist_track_tenure = table(
    "playlist_track_tenure",
    "metrics",
    "One row per playlist and track or episode that was ever on it.",
    *playlist_content(),
    needed("first_seen_on", DAY, "First snapshot that has it (UTC)"),
    needed("last_seen_on", DAY, "Latest snapshot that has it (UTC)"),
    needed("days_on_list", NUMBER, "Snapshots that have it; days without a snapshot don't count"),
    needed("entries", NUMBER, "Times that it was there after it wasn't; the first snapshot counts as one"),
    needed("peak_position", NUMBER, "Its best place (0-based)"),
    needed("peak_on", DAY, "First snapshot that has it there (UTC)"),
    optional("current_position", NUMBER, "Its place in the latest snapshot (0-based); null where it is gone"),
    needed("is_current", FLAG, "Whether the latest snapshot of the playlist has it"),
    CheckConstraint("first_seen_on <= last_seen_on", name="seen_in_order"),
    CheckConstraint("is_current = (current_position IS NOT NULL)", name="current_has_a_position"),
    CheckConstraint("entries BETWEEN 1 AND days_on_list", name="entries_within_days"),
)
