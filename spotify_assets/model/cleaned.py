"""Cleaned tables: landed records, kept or rejected; playlist items; the catalogue of tracks."""

from spotify_assets.model.catalogue import (
    SHARES,
    feature_columns,
    recording_columns,
    release_columns,
    release_year,
    track_columns,
)
from spotify_assets.model.columns import (
    CONTENT_TYPES,
    COUNT,
    DAY,
    FLAG,
    HASH,
    KEY,
    LABEL,
    NUMBER,
    PLAY_ID,
    PLAYLIST_CONTENT_TYPES,
    TEXT,
    TEXTS,
    TIME,
    hash_key,
    key,
    listener,
    optional,
    required,
    source_column,
    table,
)
from spotify_assets.model.declarations import CheckConstraint
from spotify_assets.model.genres import GENRE_FAMILIES, OTHER_FAMILY
from spotify_assets.model.raw import CATALOG_FIELDS, SOURCE_FORMATS, record_columns

# In order of precedence: a record is rejected by the first rule that it breaks.
REJECTION_REASONS = {
    "unreadable": "is no object or row of a known shape",
    "bad_timestamp": "has no time that parses, or one out of bounds",
    "no_content": "names no track, audiobook or episode",
    "bad_duration": "has no usable `ms_played`: missing, not whole, negative or over 24 h",
    "too_short": "was played for less than `SPOTIFY_ASSETS_MIN_MS_PLAYED`",
    "excluded": "was excluded by a line of `landing/overrides/exclusions.csv`",
    "superseded": "is of a coarser source, and a finer one of the same listener tells the same play",
    "duplicate": "repeats a record that is kept",
}

# Milliseconds.
MAX_MS_PLAYED = 24 * 60 * 60 * 1000
STREAM_MS = 30_000

plays = table(
    "plays",
    "cleaned",
    "One row per kept play.",
    required(
        "play_id",
        PLAY_ID,
        "First half of the SHA-256 of listener, played_at, content_key and ms_played",
        primary_key=True,
    ),
    listener(),
    required("played_at", TIME, "End of the play (UTC)"),
    required("reported_at", TIME, "When Spotify learned of it, the time in the file (UTC)"),
    required(
        "played_at_is_corrected",
        FLAG,
        "Whether it was reported late, and `played_at` is `offline_timestamp` plus `ms_played`",
    ),
    required("started_at", TIME, "End of the play less `ms_played` (UTC)"),
    required("local_date", DAY, "Date at the end of the play, in the listener's zone"),
    required("local_hour", NUMBER, "Hour at the end of the play (0 to 23), in the listener's zone"),
    required("content_type", LABEL, "What was played", info={"accepted": CONTENT_TYPES}),
    key("content_key", "Id in the URI; where there is only a name, `name:` and a hash of the names"),
    optional("content_uri", LABEL, "Spotify URI; null where the record has no id"),
    optional("track_key", KEY, "`content_key` of a track; null unless a track"),
    optional(
        "recording_key",
        HASH,
        "Hash of the normalized track and artist names (of `track_key` where one is missing), "
        "shared by all ids of a recording; null unless a track",
    ),
    optional("track_name", TEXT, "As exported; null unless a track"),
    optional("artist_name", TEXT, "The album's artist, as exported; null unless a track"),
    optional("album_name", TEXT, "As exported; null unless a track"),
    optional("episode_name", TEXT, "Podcast episode or audiobook chapter; null for a track"),
    optional("show_name", TEXT, "Podcast or audiobook; null for a track"),
    required("ms_played", COUNT, "How long it played (ms)"),
    required("ms_played_is_estimated", FLAG, "Whether `ms_played` is an estimate, since the source lacks it"),
    required("is_stream", FLAG, "Whether it played 30 seconds or more, Spotify's own threshold"),
    required(
        "is_implausible",
        FLAG,
        "Whether it can't have been heard so: it is one of three or more different plays of 30 minutes or more that a "
        "source of the listener reports in one minute, and is not placed earlier",
    ),
    required("platform", TEXT, "Device, normalized, its first 255 characters; `unknown` where missing"),
    required("reason_start", LABEL, "Why the play began, normalized; `unknown` where missing"),
    required("reason_end", LABEL, "Why the play ended, normalized; `unknown` where missing"),
    optional("shuffle", FLAG, "Whether shuffle was on; null where the export lacks it"),
    optional("skipped", FLAG, "Whether it was skipped; null where the export lacks it"),
    optional("offline", FLAG, "Whether it was played offline; null where the export lacks it"),
    optional("incognito", FLAG, "Whether it was a private session; null where the export lacks it"),
    optional("conn_country", LABEL, "Country of the connection (ISO 3166 alpha-2); null where unknown"),
    required("source_file", TEXT, "File that the record came from"),
    required("source_row", COUNT, "0-based ordinal in that file"),
    CheckConstraint(f"ms_played BETWEEN 0 AND {MAX_MS_PLAYED}", name="ms_played_within_a_day"),
    CheckConstraint("local_hour BETWEEN 0 AND 23", name="local_hour_of_a_day"),
    CheckConstraint(f"is_stream = (ms_played >= {STREAM_MS})", name="stream_is_30_seconds"),
    CheckConstraint("started_at <= played_at", name="starts_before_it_ends"),
    CheckConstraint("played_at <= reported_at", name="ends_before_it_is_reported"),
    CheckConstraint("played_at_is_corrected = (played_at < reported_at)", name="corrected_where_reported_later"),
    CheckConstraint("(content_type = 'track') = (track_key IS NOT NULL)", name="track_key_of_tracks"),
    CheckConstraint("(content_type = 'track') = (recording_key IS NOT NULL)", name="recording_key_of_tracks"),
    window="played_at",
)

rejected_plays = table(
    "rejected_plays",
    "cleaned",
    "One row per rejected record, with the first rule that it breaks.",
    required("window_at", TIME, "`played_at`, else the start of time, `SPOTIFY_ASSETS_PLAYS_START` (UTC)"),
    listener(),
    required("source_file", TEXT, "File that the record came from", primary_key=True),
    required(
        "source_row",
        COUNT,
        "0-based ordinal in that file; -1 for a whole file that can't be read",
        primary_key=True,
    ),
    required("reason", LABEL, "First rule that it breaks", info={"accepted": tuple(REJECTION_REASONS)}),
    optional("played_at", TIME, "End of the play (UTC); null where it has no valid time"),
    optional("reported_at", TIME, "The time in the file (UTC), valid or not; null where none can be read"),
    optional("source_format", LABEL, "Kind of history of its file", info={"accepted": SOURCE_FORMATS}),
    required("landed_at", TIME, "When the landed file was last modified (UTC)"),
    *record_columns(),
    optional("raw_record", TEXT, "JSON type, length and the parser's message, where it is `unreadable`"),
    window="window_at",
)

playlist_tracks = table(
    "playlist_tracks",
    "cleaned",
    "One row per playlist item of a day's snapshot. `content_type` is `track`, `local`, `episode` or `removed`.",
    required("snapshot_date", DAY, "Day of the snapshot (UTC)", primary_key=True),
    key("playlist_id", "Spotify's id of the playlist", primary_key=True),
    optional("playlist_name", TEXT, "Name of the playlist that day; null where the capture holds only its items"),
    required("position", NUMBER, "Place in the playlist (0-based)", primary_key=True),
    required(
        "content_type",
        LABEL,
        "Type of content: `local` is a file of the owner's, `removed` has left Spotify",
        info={"accepted": PLAYLIST_CONTENT_TYPES},
    ),
    required("is_local", FLAG, "Whether it is a file of the owner's"),
    optional("content_key", KEY, "Spotify's id; where there is only a name, `name:` and a hash of the names"),
    optional("track_key", KEY, "`content_key` of a track or local file; null where there is none"),
    optional("episode_key", KEY, "`content_key` of an episode; else null"),
    optional("recording_key", HASH, "As in `plays`: hash of the normalized track and artist names"),
    optional("artist_name", TEXT, "The album's artist, as in `plays`; else the track's first"),
    optional("episode_name", TEXT, "Name of the episode; null for a track"),
    optional("show_name", TEXT, "Podcast of the episode; null for a track"),
    *track_columns(),
    optional("added_at", TIME, "When it was added (UTC); null where the API omits it"),
    required("source_file", TEXT, "File that it came from"),
    CheckConstraint("position >= 0", name="position_from_zero"),
    CheckConstraint("is_local = (content_type = 'local')", name="local_files_are_local"),
    CheckConstraint("(content_type = 'removed') = (content_key IS NULL)", name="only_the_removed_have_no_key"),
    window="snapshot_date",
)

track_catalogue = table(
    "track_catalogue",
    "cleaned",
    "One row per track and spelling of its names in playlists and Web API responses: a partial aggregate, from which "
    "the dimensions are built.",
    key("track_key", "Spotify's id; where there is only a name, `name:` and a hash of the names", primary_key=True),
    required("spelling_key", HASH, "Hash of the names as they are spelled", primary_key=True, autoincrement=False),
    required("recording_key", HASH, "As in `plays`: hash of the normalized track and artist names"),
    optional("artist_name", TEXT, "The album's artist, as in `plays`; else the track's first"),
    *track_columns(),
    required("seen_at", TIME, "Time of the latest response or snapshot with these names (UTC)"),
)

catalog_artists = table(
    "catalog_artists",
    "cleaned",
    "One row per artist in catalogue files, by id, else by name. Of several files that know, the newest counts.",
    key("catalog_artist_key", "Spotify's id; where there is only a name, `name:` and its hash", primary_key=True),
    optional("artist_id", LABEL, "Spotify's id; null where there is only a name"),
    optional("artist_name", TEXT, "Name of the artist; null where no file has it"),
    hash_key("artist_key", "Hash of the normalized name, as in `dim_artist`"),
    optional("popularity", NUMBER, "Spotify's popularity (0 to 100) when the file was made; null where unknown"),
    optional("followers", COUNT, "Followers when the file was made; null where unknown"),
    optional("popularity_source", TEXT, "File that popularity and followers are from; null where both are unknown"),
    optional("genres", TEXTS, "Genres, in lower case; null where unknown"),
    optional("genres_source", TEXT, "File that the genres are from; null where they are unknown"),
    CheckConstraint("popularity BETWEEN 0 AND 100", name="artist_popularity_in_range"),
    CheckConstraint("followers >= 0", name="followers_not_negative"),
)

catalog_features = table(
    "catalog_features",
    "cleaned",
    "One row per id of a track with audio features in catalogue files, and one per artist and name. Of several files "
    "that have them, the newest counts.",
    key("track_key", "Spotify's id, or `name:` and a hash of the names", primary_key=True),
    optional("track_id", LABEL, "Spotify's id; null in a row of names"),
    optional("track_name", TEXT, "Name of the track; null where no file with features has it"),
    optional("artist_name", TEXT, "Its first artist; null where no file with features has it"),
    hash_key("recording_key", "Hash of the normalized artist and track names, as in `dim_recording`"),
    *feature_columns(),
    required("features_source", TEXT, "File that the features are from"),
    *[CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"{name}_in_range") for name in SHARES],
    CheckConstraint("key BETWEEN 0 AND 11", name="key_in_range"),
    CheckConstraint("mode IN (0, 1)", name="mode_in_range"),
    CheckConstraint("tempo > 0", name="tempo_above_zero"),
)

catalog_albums = table(
    "catalog_albums",
    "cleaned",
    "One row per id of an album in catalogue files, and one per artist and name. Of several files that know, the "
    "newest counts.",
    key("catalog_album_key", "Spotify's id, or `name:` and a hash of artist and name", primary_key=True),
    optional("album_id", LABEL, "Spotify's id; null where no file has it"),
    optional("album_name", TEXT, "Name of the album; null where no file has it"),
    optional("album_artist_id", LABEL, "Spotify's id of its first artist; null where no file has it"),
    optional("album_artist_name", TEXT, "Name of its first artist; null where no file has it"),
    optional("album_type", LABEL, "`album`, `single` or `compilation`; null where unknown"),
    optional("total_tracks", NUMBER, "Tracks on the album; null where unknown"),
    *release_columns(),
    source_column("release", "the release is"),
    optional("label", TEXT, "Record label; null where unknown"),
    source_column("label", "the label is"),
    optional("popularity", NUMBER, "Spotify's popularity (0 to 100) when the file was made; null where unknown"),
    source_column("popularity", "the popularity is"),
    CheckConstraint("popularity BETWEEN 0 AND 100", name="album_popularity_in_range"),
)

catalog_track_metadata = table(
    "catalog_track_metadata",
    "cleaned",
    "One row per id of a track in catalogue files, and one per artist and name. Of several files that know, the "
    "newest counts.",
    key("catalog_track_key", "Spotify's id, or `name:` and a hash of artist and name", primary_key=True),
    optional("popularity", NUMBER, "Spotify's popularity (0 to 100) when the file was made; null where unknown"),
    source_column("popularity", "the popularity is"),
    optional("duration_ms", COUNT, "Length (ms); null where unknown"),
    optional("explicit", FLAG, "Whether it is marked as explicit; null where unknown"),
    source_column("recording", "length and `explicit` are"),
    optional("isrc", LABEL, "International Standard Recording Code (ISO 3901); null where unknown"),
    source_column("isrc", "the ISRC is"),
    *release_columns(),
    source_column("release", "the release is"),
    optional("genres", TEXTS, "Genres of the track, in lower case; null where unknown"),
    source_column("genres", "the genres are"),
    CheckConstraint("popularity BETWEEN 0 AND 100", name="catalog_track_popularity_in_range"),
    CheckConstraint("duration_ms >= 0", name="catalog_track_length_not_negative"),
)

# In order of precedence: a row of a catalogue file is left out of the join for the first that applies.
CATALOG_REASONS = {
    "unreadable": "the row can't be split into columns",
    "bad_value": "its id, popularity, length or flag is none, or it has neither an id nor names",
    "no_album": "no catalogue file has an album of the track",
    "no_artist": "no catalogue file of artists has its artist",
    "duplicate_id": "a newer file, or an earlier row, tells the track",
}


catalog_tracks = table(
    "catalog_tracks",
    "cleaned",
    "One row per track in catalogue files of which they also have the artist and an album: the inner join of artist, "
    "album and track. Of several albums that with the earliest release, then a single or compilation last.",
    key("track_key", "Spotify's id; where there is only a name, `name:` and a hash of the names", primary_key=True),
    optional("track_id", LABEL, "Spotify's id; null where there is only a name"),
    optional("track_name", TEXT, "Name of the track; null where no file has it"),
    optional("artist_ids", TEXTS, "Spotify's ids of its artists, in order; null where unknown"),
    optional("artist_names", TEXTS, "Names of its artists, in order; null where unknown"),
    required("catalog_artist_key", KEY, "Its first artist, as in `catalog_artists`"),
    optional("artist_name", TEXT, "Name of that artist"),
    optional("artist_popularity", NUMBER, "Spotify's popularity of that artist (0 to 100); null where unknown"),
    optional("followers", COUNT, "Followers of that artist; null where unknown"),
    optional("genres", TEXTS, "Genres of that artist, else of the track, in lower case; null where unknown"),
    optional("genre", TEXT, "The first of these genres; null where unknown"),
    optional("album_id", LABEL, "Spotify's id of the album; null where there is only a name"),
    optional("album_name", TEXT, "Name of the album"),
    optional("album_type", LABEL, "`album`, `single` or `compilation`; null where unknown"),
    optional("album_popularity", NUMBER, "Spotify's popularity of the album (0 to 100); null where unknown"),
    optional("label", TEXT, "Record label; null where unknown"),
    optional("total_tracks", NUMBER, "Tracks on the album; null where unknown"),
    *release_columns(),
    release_year(),
    optional("track_number", NUMBER, "Number on its disc; null where unknown"),
    optional("disc_number", NUMBER, "Disc that it is on; null where unknown"),
    *recording_columns(),
    optional("popularity", NUMBER, "Spotify's popularity of the track (0 to 100); null where unknown"),
    *feature_columns(),
    required("source_file", TEXT, "File that the track is from"),
    required("source_row", COUNT, "Its row there, 0-based"),
)

catalog_tracks_rejects = table(
    "catalog_tracks_rejects",
    "cleaned",
    "One row per row of `raw_catalog_tracks` that is not in `catalog_tracks`, with the first reason that applies.",
    required("source_file", TEXT, "File that it came from", primary_key=True),
    required("source_row", COUNT, "0-based ordinal in the file", primary_key=True),
    required(
        "reason",
        LABEL,
        "Why it is left out: " + "; ".join(f"`{reason}`: {meaning}" for reason, meaning in CATALOG_REASONS.items()),
        info={"accepted": tuple(CATALOG_REASONS)},
    ),
    *[
        optional(name, TEXT, meaning + ", as in the file")
        for name, meaning in CATALOG_FIELDS["raw_catalog_tracks"].items()
    ],
    optional("problem", TEXT, "Why the row can't be split into columns; else null"),
)

genre_families = table(
    "genre_families",
    "cleaned",
    "One row per name of a genre in catalogue files, responses and overrides, with the family that rules give it.",
    key("genre", "Name of the genre, in lower case", type_=LABEL, primary_key=True),
    required(
        "genre_family", LABEL, "Its family; `other` where no rule applies", info={"accepted": tuple(GENRE_FAMILIES)}
    ),
    optional("rule", LABEL, "The words that decided; `*` stands for the rest of a word. Null where no rule applies"),
    CheckConstraint(f"(genre_family = '{OTHER_FAMILY}') = (rule IS NULL)", name="other_without_a_rule"),
)
