"""The formats of listening history, told apart by their fields: which field of the export is which of ours."""

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
# Fields that its reader makes of the Web API's.
OF_RECENT_PLAYS = ("ts", "ms_played", "track_uri", "track_name", "artist_name", "album_name")

# In the order in which they are tried: an extended export also has all that tells the Maven CSV.
FIELDS = {
    "extended": EXTENDED,
    "account_data": ACCOUNT_DATA,
    "maven_csv": MAVEN_CSV,
    RECENTLY_PLAYED: {name: name for name in OF_RECENT_PLAYS},
}
TOLD_BY = {
    "extended": ({"ts", "ms_played"}, {"master_metadata_track_name", "spotify_episode_uri", "episode_name"}),
    "account_data": ({"endTime", "msPlayed"}, {"trackName", "episodeName", "chapterName"}),
    "maven_csv": ({"ts", "ms_played"}, {"track_name", "spotify_track_uri"}),
}


def format_of(fields: Iterable[str]) -> str | None:
    """The format that has such fields, or None where they are no listening history's."""
    present = set(fields)
    for name, (all_of, any_of) in TOLD_BY.items():
        if all_of <= present and any_of & present:
            return name
    return None
