"""Raw tables: landed files as they are, not validated."""

from spotify_assets.model.catalogue import album_columns, feature_columns, track_columns
from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    KEY,
    LABEL,
    NUMBER,
    TEXT,
    TEXTS,
    TIME,
    key,
    listener,
    optional,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint, ModelColumn, ModelTable

# Formats by rank: 1 tells most of a play, and its time to the second. A CSV without seconds ranks as account data.
SOURCE_RANKS = {
    "extended": 1,
    "maven_csv": 1,
    "account_data": 2,
    "lastfm": 3,
    "listenbrainz": 3,
    "recently_played": 4,
}
MINUTE_PRECISE_RANK = 2
SOURCE_FORMATS = tuple(SOURCE_RANKS)
# What account data holds besides history.
PLAYLISTS, LIBRARY = "playlists", "library"
EXPORT_FORMATS = (PLAYLISTS, LIBRARY)
# A program that writes playlists as CSV files.
EXPORTIFY = "exportify"
# Stands for the folder of a table that mirrors what account data holds besides history: they lie among that.
EXPORTS = "exports"
# Formats without a duration: `ms_played` is estimated, from the track's length or the time until the next play.
ESTIMATED_FORMATS = ("lastfm", "listenbrainz", "recently_played")

# The record schema, common to all formats: the fields of exports as text, one name each.
RECORD_FIELDS = {
    "ts": "When the play ended, as the file has it",
    "ms_played": "How long it played (ms), as the file has it",
    "platform": "Device or operating system",
    "conn_country": "Country of the connection (ISO 3166 alpha-2)",
    "track_uri": "Track, as a URI, a link or a bare id",
    "track_name": "Name of the track",
    "artist_name": "Name of the album's artist",
    "album_name": "Name of the album",
    "episode_uri": "Podcast episode",
    "episode_name": "Name of the podcast episode",
    "show_name": "Name of the podcast",
    "audiobook_uri": "Audiobook",
    "audiobook_title": "Title of the audiobook",
    "chapter_uri": "Chapter of the audiobook",
    "chapter_title": "Title of the chapter",
    "reason_start": "Why the play began",
    "reason_end": "Why the play ended",
    "shuffle": "Whether shuffle was on",
    "skipped": "Whether the play was skipped",
    "offline": "Whether it was played offline",
    "offline_timestamp": "When an offline play began, in seconds or milliseconds",
    "incognito_mode": "Whether it was a private session",
}
# By value, their names are part of the reader's code version; what the comments say isn't.
RECORD_NAMES = tuple(RECORD_FIELDS)


def record_columns() -> list[ModelColumn]:
    """Columns of a record as exported."""
    return [optional(name, TEXT, comment + ", as exported") for name, comment in RECORD_FIELDS.items()]


raw_files = table(
    "raw_files",
    "raw",
    "One row per landed file, or per member of a landed archive: what it is, and the first and last time in it. "
    "Records of files that are not listed here are ignored.",
    listener(),
    required("source_file", TEXT, "Path below the landing zone; in an archive `<archive>!<member>`", primary_key=True),
    required("landed_file", TEXT, "Path of the landed file itself (of the archive, for its members)"),
    required("sha256", KEY, "SHA-256 of the landed file's content"),
    required("size", COUNT, "Size of the landed file (bytes)"),
    optional("etag", LABEL, "S3's tag of the landed file's content; null on disk"),
    optional(
        "source_format",
        LABEL,
        "What kind of history it holds, or `playlists` or `library` of account data; null for anything else",
        info={"accepted": (*SOURCE_FORMATS, *EXPORT_FORMATS)},
    ),
    required(
        "status",
        LABEL,
        "`read`, `ignored` (nothing that is read here) or `unreadable`",
        info={"accepted": ("read", "ignored", "unreadable")},
    ),
    optional(
        "detail",
        TEXT,
        "Why it was ignored or can't be read; of a file that was read, how its dates were taken, where they don't "
        "show the order of day and month; else null",
    ),
    required("records", COUNT, "Records in `raw_plays`"),
    required("undated_records", COUNT, "Records among them without a valid time"),
    required("is_minute_precise", FLAG, "Whether all its times lack seconds"),
    optional("first_reported_at", TIME, "First valid time in it (UTC); null where it has none"),
    optional("last_reported_at", TIME, "Last valid time in it (UTC); null where it has none"),
    optional("first_played_at", TIME, "First `played_at` of its records with a valid time (UTC)"),
    optional("last_played_at", TIME, "Last `played_at` of its records with a valid time (UTC)"),
    required("corrected_records", COUNT, "Records with a valid time whose `played_at` is before `reported_at`"),
    optional("last_corrected_reported_at", TIME, "Last `reported_at` of these (UTC)"),
    optional("exported_at", TIME, "When the playlists or the library were exported (UTC); null for history"),
    required("landed_at", TIME, "When the landed file was last modified (UTC)"),
    required("loaded_at", TIME, "When its records were read into `raw_plays` (UTC)"),
    required("reader_version", LABEL, "Version of the reader, and `SPOTIFY_ASSETS_PLAYS_START`, when it was read"),
    CheckConstraint("records >= undated_records", name="undated_within_records"),
    CheckConstraint("first_reported_at <= last_reported_at", name="reported_in_order"),
    CheckConstraint("first_played_at <= last_played_at", name="interval_in_order"),
    CheckConstraint(
        "(corrected_records > 0) = (last_corrected_reported_at IS NOT NULL)", name="corrected_have_a_last_time"
    ),
    landed="history",
)

raw_plays = table(
    "raw_plays",
    "raw",
    "One row per record of every file below `landing/history`: a mirror, everything as text, not validated.",
    listener(),
    required("source_file", TEXT, "Path below the landing zone; in an archive `<archive>!<member>`", primary_key=True),
    required("source_row", COUNT, "0-based ordinal in the file; -1 for a file that can't be read", primary_key=True),
    optional(
        "source_format",
        LABEL,
        "What kind of history the file holds; null where it can't be read",
        info={"accepted": SOURCE_FORMATS},
    ),
    required("landed_at", TIME, "When the landed file was last modified (UTC)"),
    optional(
        "reported_at",
        TIME,
        "`ts` as a time (UTC), valid or not; null where it has no accepted form. Parsed once, by the reader: "
        "a file's intervals and the rows of a month must agree on it",
    ),
    optional(
        "played_at",
        TIME,
        "End of the play (UTC): `reported_at`, or `offline_at` plus `ms_played` of a play that was reported late",
    ),
    optional(
        "offline_at",
        TIME,
        "Start of the play by `offline_timestamp` (UTC); null where that is missing, or no time between "
        "`SPOTIFY_ASSETS_PLAYS_START` and `reported_at`",
    ),
    *record_columns(),
    optional(
        "raw_record",
        TEXT,
        "Only where the record can't be read as a play: its JSON type, length and the parser's message",
    ),
    landed="history",
)

# What a line of `overrides/merges.csv` merges, and what one of `overrides/exclusions.csv` names.
MERGE_KINDS = ("recording", "artist", "album")
EXCLUDED_KINDS = ("artist", "album", "track", "show", "device", "source_file", "period")
EVERY_LISTENER = "*"

raw_merges = table(
    "raw_merges",
    "raw",
    "One row per line of `landing/overrides/merges.csv` that can be used: names that a person says are one.",
    required("merge_id", KEY, "Hash of the columns that follow", primary_key=True),
    required("kind", LABEL, "What is merged", info={"accepted": MERGE_KINDS}),
    required("merged_from", TEXT, "Id, or name: of a recording or album `Artist - Title`"),
    required("merged_into", TEXT, "Id or name of the one that it is counted under"),
    landed="overrides/merges.csv",
)

raw_exclusions = table(
    "raw_exclusions",
    "raw",
    "One row per line of `landing/overrides/exclusions.csv` that can be used: what a person excludes from `plays`.",
    required("exclusion_id", KEY, "Hash of the columns that follow", primary_key=True),
    required("listener", LABEL, f"Whose plays; `{EVERY_LISTENER}` for everybody's"),
    required("what", LABEL, "What the value names", info={"accepted": EXCLUDED_KINDS}),
    required("value", TEXT, "Name, or id of a track; empty for a period"),
    optional("excluded_from", TIME, "Plays that end at this time or later (UTC); null for no limit"),
    optional("excluded_until", TIME, "Plays that end before this time (UTC); null for no limit"),
    CheckConstraint("excluded_from < excluded_until", name="excluded_in_order"),
    landed="overrides/exclusions.csv",
)

raw_genre_overrides = table(
    "raw_genre_overrides",
    "raw",
    "One row per line of `landing/overrides/genres.csv` that can be used: what a person says an artist's genres are.",
    required("genre_override_id", KEY, "Hash of artist and genres", primary_key=True),
    required("position", NUMBER, "Place among the lines that can be used (0-based)"),
    required("artist", TEXT, "Name or id of the artist"),
    required(
        "genres", TEXTS, "Genres, in order; they replace those that are known, with those of the artist's other lines"
    ),
    landed="overrides/genres.csv",
)

# Columns of the catalogue's raw tables, all text as the files have it.
TRACK_NAMES = {
    "track_id": "Spotify's id or URI of the track",
    "track_name": "Name of the track",
    "artist_names": "Names of its artists: one, or several as a list or with `;` or `,`",
    "artist_count": "Number of its artists: with one, a `,` is part of the name",
}
RELEASE = {
    "release_date": "When it was released: a year, month, day or time",
    "release_year": "Year of release, where that is a column of its own",
    "release_month": "Month of release (1 to 12), where that is a column of its own",
    "release_day": "Day of the month of release, where that is a column of its own",
}
LENGTH = {"duration_ms": "Length (ms)", "duration_sec": "Length (seconds)"}
PLACE_ON_ALBUM = {"track_number": "Number on its disc", "disc_number": "Disc that it is on"}
CATALOG_FIELDS: dict[str, dict[str, str]] = {
    "raw_catalog_artists": {
        "artist_ids": "Spotify's id or URI of the artist, or of several",
        "artist_names": "Name of the artist, or of several",
        "popularity": "Spotify's popularity of the artist (0 to 100)",
        "followers": "Followers",
        "genres": "Genres: one, or several as a list or with `,` or `;`",
    },
    "raw_catalog_albums": {
        "album_id": "Spotify's id or URI of the album",
        "album_name": "Name of the album",
        "artist_ids": "Spotify's id or URI of its artist, or of several",
        "artist_names": "Name of its artist, or of several",
        "album_type": "`album`, `single` or `compilation`",
        "popularity": "Spotify's popularity of the album (0 to 100)",
        "label": "Record label",
        "total_tracks": "Tracks on the album",
        **RELEASE,
        "track_id": "Spotify's id or URI of a track on it",
        "track_name": "Name of that track",
        **PLACE_ON_ALBUM,
        **LENGTH,
    },
    "raw_catalog_tracks": {
        **TRACK_NAMES,
        "artist_ids": "Spotify's ids or URIs of its artists, in the same order",
        "album_id": "Spotify's id or URI of its album",
        "album_name": "Name of its album",
        **PLACE_ON_ALBUM,
        **LENGTH,
        **RELEASE,
        "popularity": "Spotify's popularity of the track (0 to 100)",
        "explicit": "Whether it is marked as explicit",
        "isrc": "International Standard Recording Code",
        "genres": "Genres of the track: one, or several as a list or with `,` or `;`",
    },
    "raw_catalog_features": {
        **TRACK_NAMES,
        **LENGTH,
        "danceability": "How suitable it is for dancing (0 to 1, or a percentage)",
        "energy": "Intensity and activity (0 to 1, or a percentage)",
        "key": "Key: 0 is C, 1 is C sharp, ..., -1 is none; or its name",
        "loudness": "Loudness (dB)",
        "mode": "1 is major, 0 is minor; or its name",
        "speechiness": "Share of spoken words (0 to 1, or a percentage)",
        "acousticness": "Whether it is acoustic (0 to 1, or a percentage)",
        "instrumentalness": "Whether it has no vocals (0 to 1, or a percentage)",
        "liveness": "Whether it was recorded before an audience (0 to 1, or a percentage)",
        "valence": "How positive it sounds (0 to 1, or a percentage)",
        "tempo": "Tempo (beats per minute)",
        "time_signature": "Beats in a bar",
    },
}
# By value, as `RECORD_NAMES`.
CATALOG_COLUMNS = {name: tuple(columns) for name, columns in CATALOG_FIELDS.items()}

raw_catalog_files = table(
    "raw_catalog_files",
    "raw",
    "One row per file below `landing/catalog`, CSV file below `landing/playlists`, or member of an archive there: "
    "what it holds.",
    required("source_file", TEXT, "Path below the landing zone; in an archive `<archive>!<member>`", primary_key=True),
    required("landed_file", TEXT, "Path of the landed file itself (of the archive, for its members)"),
    required("sha256", KEY, "SHA-256 of the landed file's content"),
    required("size", COUNT, "Size of the landed file (bytes)"),
    optional("etag", LABEL, "S3's tag of the landed file's content; null on disk"),
    required(
        "status",
        LABEL,
        "`read`, `ignored` (no catalogue) or `unreadable`",
        info={"accepted": ("read", "ignored", "unreadable")},
    ),
    optional("detail", TEXT, "Why it was ignored or can't be read; else null"),
    required("feeds", TEXTS, "Kinds of rows that it holds: `artists`, `albums`, `tracks`, `features`; `playlists`"),
    required("records", COUNT, "Rows in it, without header and blank lines"),
    required("bad_records", COUNT, "Rows among them that can't be split into columns"),
    optional("exported_at", TIME, "Of a playlist, when the last item of its export was added (UTC); else null"),
    required("landed_at", TIME, "When the landed file was last modified (UTC)"),
    required("loaded_at", TIME, "When its rows were read (UTC)"),
    required("reader_version", LABEL, "Version of the reader when it was read"),
    CheckConstraint("records >= bad_records", name="bad_within_records"),
    landed="catalog",
)


def _catalog_table(name: str, comment: str) -> ModelTable:
    """A raw table of the catalogue."""
    return table(
        name,
        "raw",
        comment,
        required("source_file", TEXT, "File that it came from, as in `raw_catalog_files`", primary_key=True),
        required("source_row", COUNT, "0-based ordinal in the file, without header and blank lines", primary_key=True),
        *[optional(column, TEXT, meaning + ", as in the file") for column, meaning in CATALOG_FIELDS[name].items()],
        optional("problem", TEXT, "Why the row can't be split into columns, which are null then; else null"),
        landed="catalog",
    )


raw_catalog_artists = _catalog_table(
    "raw_catalog_artists",
    "One row per row of a catalogue file that tells something of artists: a mirror, everything as text.",
)
raw_catalog_albums = _catalog_table(
    "raw_catalog_albums",
    "One row per row of a catalogue file that tells something of an album, or of a track on it: a mirror, everything "
    "as text.",
)
raw_catalog_tracks = _catalog_table(
    "raw_catalog_tracks",
    "One row per row of a catalogue file that tells something of a track: a mirror, everything as text.",
)
raw_catalog_features = _catalog_table(
    "raw_catalog_features",
    "One row per row of a catalogue file that has audio features of a track: a mirror, everything as text.",
)

CAPTURE_STATUSES = ("read", "replaced", "ignored", "unreadable")
PLAYLIST_KINDS = ("playlist", LIBRARY)


def playlist_origin_columns(*default_members: str) -> list[ModelColumn]:
    """What a playlist is, and whose export it is from. `default_members` are further accepted kinds."""
    return [
        required(
            "kind",
            LABEL,
            "`playlist`, or `library`: the tracks and episodes that a listener has saved",
            info={"accepted": (*PLAYLIST_KINDS, *default_members)},
        ),
        optional("listener", LABEL, "Whose account data it is from; null for any other"),
    ]


def playlist_attribute_columns() -> list[ModelColumn]:
    """Attributes of a playlist, which may change between captures."""
    return [
        optional("playlist_name", TEXT, "Name of the playlist; null where the capture holds only its items"),
        optional("description", TEXT, "Its description, as its owner wrote it"),
        optional(
            "owner",
            LABEL,
            "`spotify`, or a hash of the owner's id, since people's ids were often their names",
        ),
        optional("is_public", FLAG, "Whether it shows on its owner's profile; null where unknown"),
        optional("is_collaborative", FLAG, "Whether others may change it; null where unknown"),
        optional("image_url", TEXT, "Address of its image"),
    ]


raw_playlist_files = table(
    "raw_playlist_files",
    "raw",
    "One row per landed capture of a playlist, or per playlist of a landed export: its status, and its attributes.",
    required("source_file", TEXT, "Path below the landing zone; in an archive `<archive>!<member>`", primary_key=True),
    required("snapshot_date", DAY, "Day of the capture (UTC): its folder below `landing/playlists`; or of the export"),
    required(
        "playlist_id",
        LABEL,
        "Spotify's id; where the file has none, the file's name up to the first dot; in an export, which has none, "
        "`name:` or `library:` and a hash of listener and name",
        primary_key=True,
    ),
    *playlist_origin_columns(),
    optional(
        "captured_at",
        TIME,
        "End of the capture (UTC), or when it was exported; null where neither the file nor its name has it",
    ),
    required(
        "status",
        LABEL,
        "`read` (the day's last capture of the playlist), `replaced` (an earlier one), `ignored` (no playlist) "
        "or `unreadable`",
        info={"accepted": CAPTURE_STATUSES},
    ),
    optional("detail", TEXT, "Why it was ignored or can't be read; else null"),
    required("items", COUNT, "Items in `raw_playlists`"),
    *playlist_attribute_columns(),
    required("size", COUNT, "Size of the file (bytes)"),
    required("landed_at", TIME, "When the file was last modified (UTC)"),
    window="snapshot_date",
    landed="playlists",
)

raw_playlists = table(
    "raw_playlists",
    "raw",
    "One row per item of each playlist's last capture or export of a day, in the order of the playlist.",
    required("snapshot_date", DAY, "Day of the capture or export (UTC)", primary_key=True),
    key(
        "playlist_id", "Spotify's id of the playlist, or what stands for it in `raw_playlist_files`", primary_key=True
    ),
    required("position", NUMBER, "Place in the playlist (0-based)", primary_key=True),
    required("source_file", TEXT, "File that it came from"),
    optional("playlist_name", TEXT, "Name of the playlist that day; null where the capture holds only its items"),
    required("item", TEXT, "The item as captured or exported (JSON), less who added it"),
    optional("added_at", TIME, "When it was added (UTC); null where the API omits it"),
    required("is_removed", FLAG, "Whether the item has no track any more: Spotify removed it"),
    required("is_local", FLAG, "Whether it is a file of the owner's"),
    optional("item_type", LABEL, "`track` or `episode`, as in the API"),
    optional("item_id", LABEL, "Spotify's id; null for a local file or a removed item"),
    *track_columns(),
    optional("show_name", TEXT, "Podcast, for an episode"),
    window="snapshot_date",
    landed="playlists",
)


raw_library = table(
    "raw_library",
    "raw",
    "One row per entry of each listener's latest `YourLibrary.json`: what they saved, follow or hide.",
    key("listener", "Whose library it is: the name of the folder below `landing/history`", primary_key=True),
    required(
        "section",
        LABEL,
        "Where it is in the file: `tracks`, `albums`, `shows`, `episodes`, `artists`, `bannedTracks`, "
        "`bannedArtists`, `other`, or one that Spotify adds",
        primary_key=True,
    ),
    required("position", NUMBER, "Place in the section (0-based)", primary_key=True),
    required("source_file", TEXT, "File that it came from, as in `raw_files`"),
    required("exported_at", TIME, "When the file was exported (UTC)"),
    optional("item_type", LABEL, "Kind of its URI, as `track`; null where it has none"),
    optional("item_id", LABEL, "Spotify's id; null for a file of the listener's own, and in old exports"),
    optional("name", TEXT, "Name of the track, album, show, episode or artist"),
    optional("artist_name", TEXT, "Artist of a track or album, publisher of a show, show of an episode"),
    optional("album_name", TEXT, "Album of a track or album"),
    landed=EXPORTS,
)


def response_columns(what: str) -> list[ModelColumn]:
    """Columns that every response table has: id, status and time of the response."""
    return [
        key(f"{what}_id", f"Spotify's id of the {what}", primary_key=True),
        required("is_found", FLAG, "Whether Spotify found it; if not, all following columns are null"),
        optional("fetched_at", TIME, "Time of the response (UTC); null where the file lacks it"),
    ]


track_metadata = table(
    "track_metadata",
    "raw",
    "One row per track requested from the Web API: its latest response.",
    *response_columns("track"),
    *track_columns(),
    landed="metadata/tracks",
)

album_metadata = table(
    "album_metadata",
    "raw",
    "One row per album requested from the Web API: its latest response.",
    *response_columns("album"),
    *[column for column in album_columns() if column.name != "album_id"],
    optional("label", TEXT, "Record label; may be null in development mode"),
    optional("genres", TEXTS, "Genres; may be null in development mode"),
    optional("upc", LABEL, "Universal Product Code"),
    landed="metadata/albums",
)

artist_metadata = table(
    "artist_metadata",
    "raw",
    "One row per artist requested from the Web API: its latest response.",
    *response_columns("artist"),
    optional("artist_name", TEXT, "Name of the artist"),
    optional("genres", TEXTS, "Genres; may be null in development mode"),
    optional("image_url", TEXT, "Address of the largest image"),
    optional(
        "popularity",
        NUMBER,
        "Spotify's popularity (0 to 100) at that time; may be null in development mode",
    ),
    optional("followers", COUNT, "Followers at that time; may be null in development mode"),
    landed="metadata/artists",
)

audio_features_metadata = table(
    "audio_features_metadata",
    "raw",
    "One row per track whose audio features were requested from the Web API: its latest response. Only apps from "
    "before 27 November 2024 in extended quota mode may read them.",
    *response_columns("track"),
    *feature_columns(),
    landed="metadata/audio_features",
)

# Tables of metadata, by kind of objects of the Web API, which is the name of their folder in the landing zone.
METADATA_TABLES = {
    str(one.landed).removeprefix("metadata/"): one.name
    for one in (track_metadata, album_metadata, artist_metadata, audio_features_metadata)
}
