"""Formats of listening history: export fields mapped to record fields, and the fields that identify a format.

Spotify describes its exports at https://support.spotify.com/article/understanding-my-data/.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

EXTENDED = {
    "ts": "ts",
    "ms_played": "ms_played",
    "platform": "platform",
    "conn_country": "conn_country",
    "spotify_track_uri": "track_uri",
    "master_metadata_track_name": "track_name",
    "master_metadata_album_artist_name": "artist_name",
    "master_metadata_album_album_name": "album_name",
    "spotify_episode_uri": "episode_uri",
    "episode_name": "episode_name",
    "episode_show_name": "show_name",
    "audiobook_uri": "audiobook_uri",
    "audiobook_title": "audiobook_title",
    "audiobook_chapter_uri": "chapter_uri",
    "audiobook_chapter_title": "chapter_title",
    "reason_start": "reason_start",
    "reason_end": "reason_end",
    "shuffle": "shuffle",
    "skipped": "skipped",
    "offline": "offline",
    "offline_timestamp": "offline_timestamp",
    "incognito_mode": "incognito_mode",
}
ACCOUNT_DATA = {
    "endTime": "ts",
    "msPlayed": "ms_played",
    "trackName": "track_name",
    "artistName": "artist_name",
    "episodeName": "episode_name",
    "podcastName": "show_name",
    "audiobookName": "audiobook_title",
    "chapterName": "chapter_title",
}
MAVEN_CSV = {
    "ts": "ts",
    "ms_played": "ms_played",
    "platform": "platform",
    "spotify_track_uri": "track_uri",
    "track_name": "track_name",
    "artist_name": "artist_name",
    "album_name": "album_name",
    "reason_start": "reason_start",
    "reason_end": "reason_end",
    "shuffle": "shuffle",
    "skipped": "skipped",
}

RECENTLY_PLAYED = "recently_played"
# Fields that `recently_played` derives from the Web API's objects.
RECENTLY_PLAYED_FIELDS = ("ts", "ms_played", "track_uri", "track_name", "artist_name", "album_name")

FIELDS = {
    "extended": EXTENDED,
    "account_data": ACCOUNT_DATA,
    "maven_csv": MAVEN_CSV,
    RECENTLY_PLAYED: {name: name for name in RECENTLY_PLAYED_FIELDS},
}
# Field names are put into SQL, and into paths of JSON.
NO_PLAIN_NAME = re.compile(r"[^A-Za-z0-9_ ]")
# A format is detected by all fields of the first set and any field of the second. Order matters: an extended export
# could also pass for the Maven CSV.
IDENTIFYING_FIELDS = {
    "extended": ({"ts", "ms_played"}, {"master_metadata_track_name", "spotify_episode_uri", "episode_name"}),
    "account_data": ({"endTime", "msPlayed"}, {"trackName", "episodeName", "chapterName"}),
    "maven_csv": ({"ts", "ms_played"}, {"track_name", "spotify_track_uri"}),
}


class DetectedFormat(NamedTuple):
    """A format, and its fields as a file spells them."""

    name: str
    spelled: Mapping[str, str]


def detect_format(fields: Iterable[str]) -> DetectedFormat | None:
    """The format with these field names; None if they are not those of a listening history.

    Upper and lower case, blanks and underscores make no difference: spreadsheets and people change them.
    """
    fields = list(fields)
    present = {_plain(field) for field in fields}
    for name, (all_of, any_of) in IDENTIFYING_FIELDS.items():
        if present.issuperset(map(_plain, all_of)) and not present.isdisjoint(map(_plain, any_of)):
            return DetectedFormat(name, spelled_fields(name, fields))
    return None


def spelled_fields(source_format: str, fields: Iterable[str]) -> dict[str, str]:
    """Fields of a format, as these names spell them: each as the format does, else as the first that is equal."""
    by_plain: dict[str, str] = {}
    for field in fields:
        if field in FIELDS[source_format] or not NO_PLAIN_NAME.search(field):
            plain = _plain(field)
            by_plain[plain] = field if field in FIELDS[source_format] else by_plain.get(plain, field)
    return {field: by_plain[_plain(field)] for field in FIELDS[source_format] if _plain(field) in by_plain}


def _plain(field: str) -> str:
    return field.replace("_", "").replace(" ", "").casefold()
