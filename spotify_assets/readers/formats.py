"""Formats of listening history: export fields mapped to record fields, and the fields that identify a format.

Spotify describes its exports at https://support.spotify.com/article/understanding-my-data/.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, get_args

from spotify_assets.settings import DateOrder

DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)
# How the detail of a file begins whose dates can't be read before somebody says what their order is.
AMBIGUOUS_DATES = "ambiguous dates"

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

LASTFM = "lastfm"
# Of exporters of https://www.last.fm: https://mainstream.ghan.nl (`uts`), https://lastfmstats.com and
# https://benjaminbenben.com/lastfm-to-csv (`date`).
LASTFM_EXPORT = {
    "uts": "ts",
    "date": "ts",
    "utc_time": "ts",
    "artist": "artist_name",
    "album": "album_name",
    "track": "track_name",
}
LISTENBRAINZ = "listenbrainz"
# https://listenbrainz.readthedocs.io/en/latest/users/json.html. Dots lead into an object.
LISTENBRAINZ_EXPORT = {
    "listened_at": "ts",
    "track_metadata.track_name": "track_name",
    "track_metadata.artist_name": "artist_name",
    "track_metadata.release_name": "album_name",
    "track_metadata.additional_info.duration_ms": "ms_played",
    "track_metadata.additional_info.duration": "ms_played",
    "track_metadata.additional_info.spotify_id": "track_uri",
    "track_metadata.additional_info.origin_url": "track_uri",
}
_TRACK = r"^((?:spotify:track:|https?://open[.]spotify[.]com/(?:[a-z-]+/)?track/)?[0-9A-Za-z]{{22}})(?:[?].*)?$"
# Players put addresses of other services, and of people's own servers, where one of Spotify's may be.
SPOTIFY_LINK = f"nullif(regexp_extract({{}}, '{_TRACK}', 1), '')"
# DuckDB's expressions for fields of exports that don't hold a field of the record as it is.
FIELD_SQL = {
    "track_metadata.additional_info.spotify_id": SPOTIFY_LINK,
    "track_metadata.additional_info.origin_url": SPOTIFY_LINK,
    "track_metadata.additional_info.duration": "CAST(CAST(try_cast({} AS DOUBLE) * 1000 AS BIGINT) AS VARCHAR)",
}

RECENTLY_PLAYED = "recently_played"
# Fields that `recently_played` derives from the Web API's objects.
RECENTLY_PLAYED_FIELDS = ("ts", "ms_played", "track_uri", "track_name", "artist_name", "album_name")

FIELDS = {
    "extended": EXTENDED,
    "account_data": ACCOUNT_DATA,
    "maven_csv": MAVEN_CSV,
    LASTFM: LASTFM_EXPORT,
    LISTENBRAINZ: LISTENBRAINZ_EXPORT,
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
    LASTFM: ({"artist", "track"}, {"uts", "utc_time", "date"}),
    LISTENBRAINZ: ({"listened_at", "track_metadata"}, {"track_metadata"}),
}


class DetectedFormat(NamedTuple):
    """A format, and its fields as a file spells them."""

    name: str
    spelled: Mapping[str, str]


def detect_format(fields: Iterable[str], *, is_flat: bool = False) -> DetectedFormat | None:
    """The format with these field names; None if they are not those of a listening history.

    Upper and lower case, blanks and underscores make no difference: spreadsheets and people change them.

    Args:
        fields: Field names.
        is_flat: Whether fields can't hold objects, so that formats with such fields are none.
    """
    fields = list(fields)
    present = {_plain(field) for field in fields}
    for name, (all_of, any_of) in IDENTIFYING_FIELDS.items():
        if is_flat and any("." in field for field in FIELDS[name]):
            continue
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
