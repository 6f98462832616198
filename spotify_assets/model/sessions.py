"""Sessions: plays of a listener without a long gap between them."""

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    NUMBER,
    PLAY_ID,
    TEXT,
    TIME,
    hash_key,
    key,
    optional,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.metrics import by_listener, by_window

# In order of precedence: a session has the first type that applies.
SESSION_TYPES = {
    "album_run": "5 or more plays in a row of one album",
    "artist_binge": "5 or more plays, 60 % or more of one artist",
    "shuffle_mix": "80 % or more with shuffle on",
    "background": "3 hours or more without a play that was started deliberately",
    "mixed": "anything else",
}


def session_columns(recording: str | None = None) -> list[ModelColumn | CheckConstraint]:
    """What is told of a session, apart from its neighbours.

    Args:
        recording: What its recordings reference; None for a partial aggregate, which is computed before dimensions.
    """
    return [
        required("session_end", TIME, "End of its last play (UTC)"),
        required("date", DAY, "Local date of its start"),
        required("plays", COUNT, "Plays in it"),
        required("streams", COUNT, "Plays of 30 seconds or more"),
        required("ms_played", COUNT, "Listening time (ms)"),
        required("spoken_plays", COUNT, "Plays of podcast episodes and audiobooks"),
        required("tracks", COUNT, "Different recordings, by the names played"),
        required("artists", COUNT, "Different artists of tracks, by the names played"),
        required("skips", COUNT, "Plays that were skipped; unknown ones don't count"),
        required("shuffles", COUNT, "Plays with shuffle on; unknown ones don't count"),
        required("deliberate_starts", COUNT, "Plays that a person started: see `daily_track_plays`"),
        required("longest_album_run", COUNT, "Most plays in a row of one album"),
        required("top_artist_plays", COUNT, "Plays of its most played artist of tracks; 0 if spoken only"),
        hash_key("first_recording_key", "Its first play's recording; -2 unless a track", recording),
        hash_key("last_recording_key", "Its last play's recording; -2 unless a track", recording),
        required("first_platform", TEXT, "Device of its first play, as in `plays`"),
        required("platforms", COUNT, "Different devices"),
        required("hand_offs", COUNT, "Changes of device from one play to the next"),
        CheckConstraint("plays > 0 AND streams <= plays", name="plays_in_a_session"),
        CheckConstraint("session_start <= session_end", name="session_starts_before_it_ends"),
        CheckConstraint("tracks <= plays - spoken_plays", name="session_tracks_within_plays"),
    ]


def session_start(comment: str) -> ModelColumn:
    return key("session_start", comment, type_=TIME, primary_key=True)


session_parts = table(
    "session_parts",
    "metrics",
    "One row per partition, listener and session that lies within the partition: a partial aggregate. The first and "
    "the last of a listener's may go on in another partition, so their plays are in `session_edges` instead.",
    by_window(),
    by_listener(),
    session_start("Start of its first play (UTC)"),
    *session_columns(),
    window="window_at",
)

session_edges = table(
    "session_edges",
    "metrics",
    "One row per play of a listener's first and last session in a partition, which may go on in another one.",
    by_window(),
    by_listener(),
    key("play_id", "The play, as in `plays`", type_=PLAY_ID, primary_key=True),
    required("played_at", TIME, "As in `plays`"),
    required("started_at", TIME, "As in `plays`"),
    required("content_type", LABEL, "As in `plays`"),
    hash_key("recording_key", "As in `fct_plays`"),
    hash_key("artist_key", "As in `fct_plays`"),
    hash_key("album_key", "As in `fct_plays`"),
    required("year", NUMBER, "Local year, as of `local_date` in `plays`"),
    required("ms_played", COUNT, "As in `plays`"),
    required("is_stream", FLAG, "As in `plays`"),
    required("is_finished", FLAG, "Whether it ended because the content did"),
    optional("skipped", FLAG, "As in `plays`"),
    optional("shuffle", FLAG, "As in `plays`"),
    required("is_deliberate", FLAG, "Whether a person started it: see `daily_track_plays`"),
    required("reason_end", LABEL, "As in `plays`"),
    required("platform", TEXT, "As in `plays`"),
    required("is_first", FLAG, "Whether it is of the first session in the partition"),
    window="window_at",
)

listening_sessions = table(
    "listening_sessions",
    "metrics",
    "One row per listener and session: plays, the next of which starts at most SPOTIFY_ASSETS_SESSION_GAP_MINUTES "
    "after the end of the one before. All content; plays that are implausible are left out.",
    by_listener(),
    session_start("Start of its first play, in order of their ends (UTC)"),
    *session_columns("dim_recording.recording_key"),
    optional("gap_before_ms", COUNT, "Time since the end of the session before (ms); null for the first"),
    required(
        "session_type",
        LABEL,
        "The first that applies: " + "; ".join(f"`{name}`: {meaning}" for name, meaning in SESSION_TYPES.items()),
        info={"accepted": tuple(SESSION_TYPES)},
    ),
    CheckConstraint("gap_before_ms > 0", name="sessions_have_gaps"),
)
