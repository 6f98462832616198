"""Formats of listening history: export fields mapped to record fields, and the fields that identify a format.

Spotify describes its exports at https://support.spotify.com/article/understanding-my-data/.
"""

from collections.abc import Iterable

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
# A format is detected by all fields of the first set and any field of the second. Order matters: an extended export
# could also pass for the Maven CSV.
IDENTIFYING_FIELDS = {
    "extended": ({"ts", "ms_played"}, {"master_metadata_track_name", "spotify_episode_uri", "episode_name"}),
    "account_data": ({"endTime", "msPlayed"}, {"trackName", "episodeName", "chapterName"}),
    "maven_csv": ({"ts", "ms_played"}, {"track_name", "spotify_track_uri"}),
}


def detect_format(fields: Iterable[str]) -> str | None:
    """The format with these field names; None if they are not those of a listening history."""
    present = set(fields)
    for name, (all_of, any_of) in IDENTIFYING_FIELDS.items():
        if all_of <= present and any_of & present:
            return name
    return None
