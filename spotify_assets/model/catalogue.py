"""Columns for the Web API's tracks, albums, artists and audio features, shared by several tables."""

from spotify_assets.model.columns import COUNT, DAY, FLAG, LABEL, NUMBER, RATE, TEXT, TEXTS, optional
from spotify_assets.model.declarations import ModelColumn

RELEASE_PRECISIONS = ("year", "month", "day")
SHARES = {
    "danceability": "How suitable it is for dancing (0 to 1)",
    "energy": "Intensity and activity (0 to 1)",
    "speechiness": "Share of spoken words (0 to 1)",
    "acousticness": "Whether it is acoustic (0 to 1)",
    "instrumentalness": "Whether it has no vocals (0 to 1)",
    "liveness": "Whether it was recorded before an audience (0 to 1)",
    "valence": "How positive it sounds (0 to 1)",
}


def album_columns() -> list[ModelColumn]:
    """Columns of an album."""
    return [
        optional("album_id", LABEL, "Spotify's id of the album"),
        optional("album_name", TEXT, "Name of the album"),
        optional("album_artist_id", LABEL, "Spotify's id of the album's first artist"),
        optional("album_artist_name", TEXT, "Name of the album's first artist, as in exports"),
        optional("album_type", LABEL, "`album`, `single` or `compilation`"),
        optional("total_tracks", NUMBER, "Tracks on the album"),
        *release_columns(),
        optional("image_url", TEXT, "Address of the largest image of the cover"),
    ]


def release_columns() -> list[ModelColumn]:
    """Columns of a release date."""
    return [
        optional("release_date", DAY, "Day of release; the first day of the year or month where only that is known"),
        optional(
            "release_date_precision",
            LABEL,
            "How exactly the release is known",
            info={"accepted": RELEASE_PRECISIONS},
        ),
    ]


def release_year() -> ModelColumn:
    """Column of the year of release, for queries that need no day."""
    return optional("release_year", NUMBER, "Year of release; null where unknown")


def recording_columns() -> list[ModelColumn]:
    """Columns of a recording."""
    return [
        optional("duration_ms", COUNT, "Length of the track or episode (ms)"),
        optional("explicit", FLAG, "Whether it is marked as explicit; null where unknown"),
        optional("isrc", LABEL, "International Standard Recording Code (ISO 3901)"),
    ]


def track_columns() -> list[ModelColumn]:
    """Columns of a track, its artists and its album."""
    return [
        optional("track_name", TEXT, "Name of the track"),
        optional("artist_ids", TEXTS, "Spotify's ids of all its artists, in order; empty text where there is none"),
        optional("artist_names", TEXTS, "Names of all its artists, in the same order"),
        *recording_columns(),
        optional("disc_number", NUMBER, "Disc that it is on"),
        optional("track_number", NUMBER, "Number on that disc"),
        optional(
            "popularity",
            NUMBER,
            "Spotify's popularity (0 to 100) at that time; may be null in development mode",
        ),
        *album_columns(),
    ]


def feature_columns() -> list[ModelColumn]:
    """Audio features of a track."""
    return [
        *[optional(name, RATE, f"{comment}; null where unknown") for name, comment in SHARES.items()],
        optional("loudness", RATE, "Loudness (dB); null where unknown"),
        optional("tempo", RATE, "Beats per minute; null where unknown"),
        optional("key", NUMBER, "Key (0 is C, 1 is C sharp, ..., 11 is B); null where unknown or none"),
        optional("mode", NUMBER, "1 is major, 0 is minor; null where unknown"),
        optional("time_signature", NUMBER, "Beats in a bar; null where unknown"),
    ]


TRACK_FIELDS = tuple(column.name for column in track_columns())
FEATURES = tuple(column.name for column in feature_columns())
