"""Raw tables: landed files as they are, nothing judged."""

from sqlalchemy import CheckConstraint, Column

from spotify_assets.model.columns import (
    COUNT,
    FLAG,
    KEY,
    LABEL,
    TEXT,
    TIME,
    listener,
    needed,
    optional,
    table,
)

SOURCE_FORMATS = ("extended", "account_data", "maven_csv", "recently_played")

# One record shape for every format: the export's own fields, under one name each, as text.
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


def record_fields() -> list[Column]:
    """The columns of a record as exported."""
    return [optional(name, TEXT, comment + ", as exported") for name, comment in RECORD_FIELDS.items()]


raw_files = table(
    "raw_files",
    "raw",
    "One row per landed file, or per member of a landed zip: what it is, and the first and last time in it. "
    "A file counts only once it is listed here.",
    listener(),
    needed("source_file", TEXT, "Path below the landing zone; in a zip `<zip>!<member>`", primary_key=True),
    needed("landed_file", TEXT, "Path of the landed file itself (of the zip, for its members)"),
    needed("sha256", KEY, "SHA-256 of the landed file's content"),
    needed("size", COUNT, "Size of the landed file (bytes)"),
    optional(
        "source_format",
        LABEL,
        "What kind of history it holds; null where it holds none",
        info={"accepted": SOURCE_FORMATS},
    ),
    needed(
        "status",
        LABEL,
        "`read`, `ignored` (no history) or `unreadable`",
        info={"accepted": ("read", "ignored", "unreadable")},
    ),
    optional("detail", TEXT, "Why it was ignored or can't be read; null for a file that was read"),
    needed("records", COUNT, "Records in `raw_plays`"),
    needed("undated_records", COUNT, "Records among them without a valid time"),
    needed("is_minute_precise", FLAG, "Whether no time in it tells the seconds"),
    optional("first_played_at", TIME, "First valid time in it (UTC); null where it has none"),
    optional("last_played_at", TIME, "Last valid time in it (UTC); null where it has none"),
    needed("landed_at", TIME, "When the landed file was last modified (UTC)"),
    needed("loaded_at", TIME, "When its records were read into `raw_plays` (UTC)"),
    needed("reader_version", LABEL, "Version of the reader, and the start of plays, that it was read with"),
    CheckConstraint("records >= undated_records", name="undated_within_records"),
    CheckConstraint("first_played_at <= last_played_at", name="interval_in_order"),
    landed="history",
)

raw_plays = table(
    "raw_plays",
    "raw",
    "One row per record of every file below `landing/history`: a mirror, everything as text, nothing judged.",
    listener(),
    needed("source_file", TEXT, "Path below the landing zone; in a zip `<zip>!<member>`", primary_key=True),
    needed("source_row", COUNT, "0-based ordinal in the file; -1 for a file that can't be read", primary_key=True),
    optional(
        "source_format",
        LABEL,
        "What kind of history the file holds; null where it can't be read",
        info={"accepted": SOURCE_FORMATS},
    ),
    needed("landed_at", TIME, "When the landed file was last modified (UTC)"),
    optional(
        "played_at",
        TIME,
        "`ts` as a time (UTC), valid or not; null where it has no accepted form. Parsed once, by the reader: "
        "a file's interval and the rows of a month must agree on it",
    ),
    *record_fields(),
    optional(
        "raw_record",
        TEXT,
        "Only where the record can't be read as a play: its JSON type, length and the parser's message",
    ),
    landed="history",
)
