"""Dimensions: surrogate keys are hashes of the natural key; each has members for unknown and not applicable."""

from typing import Any

from spotify_assets.model.catalogue import feature_columns, recording_columns, release_columns, release_year
from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    HASH,
    LABEL,
    NOT_APPLICABLE,
    NUMBER,
    TEXT,
    TIME,
    UNKNOWN,
    canonical_columns,
    first_and_last_play,
    hash_key,
    key,
    optional,
    required,
    source_column,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn
from spotify_assets.model.raw import playlist_origin_columns

REASONS = {
    "appload": "The app started",
    "backbtn": "Back button",
    "clickrow": "Picked from a list",
    "clickside": "Picked from a side list",
    "endplay": "Another play was started",
    "fwdbtn": "Forward button",
    "logout": "Logged out",
    "persisted": "Resumed from a former session",
    "playbtn": "Play button",
    "popup": "The app was closed or changed",
    "remote": "Another device took over",
    "reload": "The player was loaded again",
    "switched-to-audio": "Switched from video to audio",
    "switched-to-video": "Switched from audio to video",
    "trackdone": "The one before, or this one, played to its end",
    "trackerror": "It could not be played on",
    "unexpected-exit": "The app ended unexpectedly",
    "unexpected-exit-while-paused": "The app ended unexpectedly while paused",
    "uriopen": "A link was opened",
    "other": "A code that this list does not know; `plays` has it",
}

# In `*_source`: the Web API, in a response or a captured playlist; a line of overrides.
FROM_API = "api"
FROM_OVERRIDE = "override"

PLATFORM_FAMILIES = (
    "android", "ios", "windows", "macos", "linux", "web", "speaker_or_tv", "other", "unknown", "not_applicable",
)  # fmt: skip


def genre_columns(comment: str) -> list[ModelColumn]:
    """Genres with their family, and where they are from."""
    return [
        optional("genres", TEXT, comment),
        optional("genre_family", LABEL, "Family of most of the genres, as in `genre_families`; null where unknown"),
        optional(
            "genres_source",
            TEXT,
            "`api`, the catalogue file that they are from, or `override`, a line of `landing/overrides/genres.csv`; "
            "null where unknown",
        ),
    ]


def popularity_columns(what: str) -> list[ModelColumn]:
    """Popularity, where Spotify or a catalogue file tells it."""
    comment = f"Spotify's popularity of the {what} (0 to 100), latest known; null where unknown"
    return [
        optional("popularity", NUMBER, comment),
        source_column("popularity", "the popularity is", or_api=True),
    ]


def dimension_key(name: str, comment: str, **options: Any) -> ModelColumn:
    """The primary key of a dimension."""
    return key(name, comment, primary_key=True, **options)


dim_listener = table(
    "dim_listener",
    "dimensions",
    "One row per listener.",
    dimension_key("listener_key", "Hash of the listener's name", type_=HASH, autoincrement=False),
    required("listener", LABEL, "Name of the folder below `landing/history`"),
    required("timezone", LABEL, "Zone of the listener's local dates and hours"),
    optional("first_date", DAY, "Local date of the first play"),
    optional("last_date", DAY, "Local date of the latest play"),
)

dim_date = table(
    "dim_date",
    "dimensions",
    "One row per calendar day of every year from the first to the last play or playlist capture.",
    dimension_key("date_key", "The day as YYYYMMDD", type_=NUMBER, autoincrement=False),
    optional("date", DAY, "The day; null for unknown and not applicable"),
    optional("year", NUMBER, "Calendar year"),
    optional("quarter", NUMBER, "Quarter of the year (1 to 4)"),
    optional("month_of_year", NUMBER, "Month of the year (1 to 12)"),
    optional("month_name", LABEL, "Name of the month, in English"),
    optional("month_start", DAY, "First day of the month"),
    optional("iso_year", NUMBER, "Year that the ISO 8601 week belongs to"),
    optional("iso_week", NUMBER, "ISO 8601 week (1 to 53)"),
    optional("day_of_month", NUMBER, "Day of the month (1 to 31)"),
    optional("day_of_year", NUMBER, "Day of the year (1 to 366)"),
    optional("day_of_week", NUMBER, "ISO 8601 day of the week (1 is Monday)"),
    optional("day_name", LABEL, "Name of the day, in English"),
    optional("is_weekend", FLAG, "Saturday or Sunday"),
)

dim_time = table(
    "dim_time",
    "dimensions",
    "One row per hour of the day.",
    dimension_key("time_key", "The hour (0 to 23)", type_=NUMBER, autoincrement=False),
    optional("hour", NUMBER, "The hour (0 to 23); null for unknown and not applicable"),
    required("label", LABEL, "The hour as `13:00`"),
    required(
        "part_of_day",
        LABEL,
        "night (0 to 5), morning (6 to 11), afternoon (12 to 17) or evening (18 to 23)",
        info={"accepted": ("night", "morning", "afternoon", "evening", "unknown", "not_applicable")},
    ),
)


def saved_flag(what: str, name: str = "is_saved") -> ModelColumn:
    """Whether a listener saved what a row is."""
    return optional(
        name,
        FLAG,
        f"Whether the {what} is in the library of any listener, by each one's latest export; null if none is landed",
    )


dim_artist = table(
    "dim_artist",
    "dimensions",
    "One row per artist by normalized name.",
    dimension_key("artist_key", "Hash of the normalized name", type_=HASH, autoincrement=False),
    required("artist_name", TEXT, "Latest spelling seen"),
    optional("artist_id", LABEL, "Spotify's id, latest seen; null where no response has it"),
    optional("image_url", TEXT, "Address of an image; null where unknown"),
    *genre_columns("Genres, with commas; null where unknown"),
    *popularity_columns("artist"),
    optional("followers", COUNT, "Followers, from where the popularity is; null where unknown"),
    *canonical_columns("artist_key", "dim_artist", ("id", "override"), "artist"),
    saved_flag("artist"),
    *[optional(column.name, TIME, column.comment or "") for column in first_and_last_play("artist")],
)

dim_album = table(
    "dim_album",
    "dimensions",
    "One row per album by normalized artist and name.",
    dimension_key("album_key", "Hash of the album's artist and name, normalized", type_=HASH, autoincrement=False),
    required("album_name", TEXT, "Latest spelling seen"),
    required("artist_name", TEXT, "The album's artist, latest spelling seen"),
    hash_key("artist_key", "The album's artist", "dim_artist.artist_key"),
    optional("album_id", LABEL, "Spotify's id, latest seen; null where no response has it"),
    optional("album_type", LABEL, "`album`, `single` or `compilation`; null where unknown"),
    optional("total_tracks", NUMBER, "Tracks on the album; null where unknown"),
    *release_columns(),
    release_year(),
    source_column("release", "the release is", or_api=True),
    optional("image_url", TEXT, "Address of the cover; null where unknown"),
    optional("label", TEXT, "Record label; null where unknown"),
    source_column("label", "the label is", or_api=True),
    *popularity_columns("album"),
    optional("genres", TEXT, "Genres, with commas; null where unknown"),
    *canonical_columns("album_key", "dim_album", ("artist", "override"), "album"),
    saved_flag("album"),
    *[optional(column.name, TIME, column.comment or "") for column in first_and_last_play("album")],
)

dim_recording = table(
    "dim_recording",
    "dimensions",
    "One row per recording by normalized artist and track name. Recordings that share a track id or an ISRC, or "
    "that a person merged, have one canonical recording.",
    dimension_key(
        "recording_key",
        "Hash of the normalized artist and track names (of `track_key` where one is missing)",
        type_=HASH,
        autoincrement=False,
    ),
    *canonical_columns("recording_key", "dim_recording", ("id", "isrc", "override"), "recording"),
    key("canonical_track_key", "The canonical recording's most played id"),
    required("track_name", TEXT, "Of the canonical recording, latest spelling played"),
    required("artist_name", TEXT, "The album's artist, of the canonical recording, latest spelling played"),
)

dim_track = table(
    "dim_track",
    "dimensions",
    "One row per track id (or name, where plays have no id).",
    dimension_key("track_key", "Spotify's id; where there is only a name, `name:` and a hash of the names"),
    optional("track_uri", LABEL, "Spotify URI; null where no id is known"),
    required("track_name", TEXT, "Latest spelling seen"),
    required("artist_name", TEXT, "The album's artist, latest spelling seen"),
    optional("album_name", TEXT, "Latest seen; null where no play has one"),
    hash_key("artist_key", "The album's artist", "dim_artist.artist_key"),
    hash_key("album_key", "The album", "dim_album.album_key"),
    hash_key(
        "recording_key",
        "Hash of the latest normalized names: ids of one recording share it",
        "dim_recording.recording_key",
    ),
    key("canonical_track_key", "The canonical recording's most played id", "dim_track.track_key"),
    *recording_columns(),
    source_column("recording", "length and `explicit` are", or_api=True),
    source_column("isrc", "the ISRC is", or_api=True),
    *release_columns(),
    release_year(),
    source_column("release", "the release is", or_api=True),
    *genre_columns("Genres of the artist, else of the track, with commas; null where unknown"),
    *popularity_columns("track"),
    *feature_columns(),
    source_column("features", "the audio features are", or_api=True),
    optional("disc_number", NUMBER, "Disc that it is on; null where unknown"),
    optional("track_number", NUMBER, "Number on that disc; null where unknown"),
    optional("image_url", TEXT, "Address of its album's cover; null where unknown"),
    saved_flag("track"),
    *[optional(column.name, TIME, column.comment or "") for column in first_and_last_play("track")],
)

dim_episode = table(
    "dim_episode",
    "dimensions",
    "One row per podcast episode or audiobook chapter.",
    dimension_key("episode_key", "Spotify's id; where there is only a name, `name:` and a hash of the names"),
    optional("episode_uri", LABEL, "Spotify URI; null where no id is known"),
    required(
        "content_type",
        LABEL,
        "Type of content",
        info={"accepted": ("episode", "audiobook", "unknown", "not_applicable")},
    ),
    required("episode_name", TEXT, "Name of the episode or chapter, latest seen"),
    required("show_name", TEXT, "Name of the podcast or audiobook, latest seen"),
    optional("duration_ms", COUNT, "Length (ms); null where unknown"),
    *release_columns(),
    optional("image_url", TEXT, "Address of its image; null where unknown"),
    saved_flag("episode or chapter"),
    saved_flag("podcast or audiobook", "is_show_saved"),
    *[optional(column.name, TIME, column.comment or "") for column in first_and_last_play("episode")],
)

dim_platform = table(
    "dim_platform",
    "dimensions",
    "One row per device as the exports name it.",
    dimension_key("platform_key", "Hash of the normalized name", type_=HASH, autoincrement=False),
    required("platform", TEXT, "Normalized name, as `android` or `ios 17.4 (iphone15,2)`"),
    required("platform_family", LABEL, "What kind of device it is", info={"accepted": PLATFORM_FAMILIES}),
)

dim_reason = table(
    "dim_reason",
    "dimensions",
    "One row per code of why a play began or ended.",
    dimension_key("reason_key", "The code"),
    required("reason", LABEL, "The code"),
    required("meaning", LABEL, "Meaning of the code"),
)

bridge_track_artist = table(
    "bridge_track_artist",
    "dimensions",
    "One row per track and artist on it.",
    key("track_key", "The track", "dim_track.track_key", primary_key=True),
    hash_key("artist_key", "An artist on it", "dim_artist.artist_key", primary_key=True),
    required("artist_position", NUMBER, "Order of the artists on the track (0-based)"),
    CheckConstraint("artist_position >= 0", name="artist_position_from_zero"),
)

dim_playlist = table(
    "dim_playlist",
    "dimensions",
    "One row per playlist and version of its name, description, owner and visibility (type 2).",
    dimension_key("playlist_key", "Hash of Spotify's id: the same for all versions", type_=HASH, autoincrement=False),
    required(
        "valid_from", DAY, "First snapshot of the version; of the first version, of the playlist", primary_key=True
    ),
    optional("valid_to", DAY, "First snapshot of the next version (not included); null for the current one"),
    required("is_current", FLAG, "Whether it is the latest version"),
    required("playlist_id", LABEL, "Spotify's id, or what stands for it in an export; see `raw_playlist_files`"),
    *playlist_origin_columns(UNKNOWN, NOT_APPLICABLE),
    required("playlist_name", TEXT, "Name; `unknown` where no capture has it"),
    optional("description", TEXT, "Description, as its owner wrote it"),
    optional("owner", LABEL, "`spotify`, or a hash of the owner's id; null where unknown"),
    optional("is_public", FLAG, "Whether it shows on its owner's profile; null where unknown"),
    optional("is_collaborative", FLAG, "Whether others may change it; null where unknown"),
    optional("image_url", TEXT, "Address of its image in the version's last snapshot"),
    CheckConstraint("valid_to > valid_from", name="versions_follow_each_other"),
    CheckConstraint("is_current = (valid_to IS NULL)", name="the_current_version_is_open"),
)
