"""What account data holds besides history, for the sample exports: playlists and a library, in Spotify's formats."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from spotify_assets.sandbox.catalogue import id_of

Record = dict[str, Any]

FAVOURITES = 40
FOLLOWED = 12
EPISODES_KEPT = 6
DRIVE = 25
ITEM_KINDS = ("track", "episode", "audiobook", "localTrack")
# A file of the listener's own, as Spotify names it: artist, album, title and seconds.
OWN_FILE = "spotify:local:Ben::Voice+memo:73"


def sample_account_data(records: list[Record]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`Playlist1.json` and `YourLibrary.json` of who listened to these records: what is heard most.

    Args:
        records: Records of an extended history, by time.
    """
    tracks = _most_heard(records, "spotify_track_uri", FAVOURITES)
    episodes = _most_heard(records, "spotify_episode_uri", EPISODES_KEPT)
    yield (
        "Playlist1.json",
        {
            "playlists": [
                _playlist("Long drives", [_playlist_entry(one, track=_listed(one)) for one in tracks[:DRIVE]]),
                _playlist(
                    "For the kitchen",
                    [
                        *[_playlist_entry(one, episode=_listed_episode(one)) for one in episodes],
                        _playlist_entry(None, localTrack={"uri": OWN_FILE}),
                    ],
                ),
            ]
        },
    )
    yield (
        "YourLibrary.json",
        _library(tracks, episodes, _most_heard(records, "master_metadata_album_artist_name", FOLLOWED)),
    )


def _most_heard(records: list[Record], of: str, count: int) -> list[Record]:
    """The first record of each of the most frequent values of a field; ties in order of the values."""
    plays = Counter(record[of] for record in records if record[of])
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record[of], record)
    return [first[value] for value in sorted(plays, key=lambda value: (-plays[value], value))[:count]]


def _playlist(name: str, items: list[Record]) -> dict[str, Any]:
    return {
        "name": name,
        "lastModifiedDate": max(item["addedDate"] for item in items),
        "collaborators": ["someone.else"],
        "items": items,
        "description": None,
        "numberOfFollowers": 0,
    }


def _playlist_entry(heard: Record | None, **content: dict[str, str]) -> Record:
    """An item: one of its kinds is set, the others are null. It was added on the day it was heard first."""
    return dict.fromkeys(ITEM_KINDS) | content | {"addedDate": heard["ts"][:10] if heard else "2024-02-29"}


def _listed(record: Record) -> dict[str, str]:
    return {
        "trackName": record["master_metadata_track_name"],
        "artistName": record["master_metadata_album_artist_name"],
        "albumName": record["master_metadata_album_album_name"],
        "trackUri": record["spotify_track_uri"],
    }


def _listed_episode(record: Record) -> dict[str, str]:
    return {
        "episodeName": record["episode_name"],
        "showName": record["episode_show_name"],
        "episodeUri": record["spotify_episode_uri"],
    }


def _library(tracks: list[Record], episodes: list[Record], of_artists: list[Record]) -> dict[str, list[Any]]:
    artists = [record["master_metadata_album_artist_name"] for record in of_artists]
    albums = [
        (record["master_metadata_album_artist_name"], record["master_metadata_album_album_name"])
        for record in of_artists
    ]
    shows = sorted({record["episode_show_name"] for record in episodes})
    *kept, banned = tracks
    return {
        "tracks": [_saved(record) for record in kept],
        "albums": [
            {"artist": artist, "album": album, "uri": _uri("album", artist, album)} for artist, album in albums
        ],
        "shows": [{"name": name, "publisher": name, "uri": _uri("show", name)} for name in shows],
        "episodes": [
            {"name": record["episode_name"], "show": record["episode_show_name"], "uri": record["spotify_episode_uri"]}
            for record in episodes
        ],
        "bannedTracks": [_saved(banned)],
        "artists": [{"name": name, "uri": _uri("artist", name)} for name in artists],
        "bannedArtists": [],
        "other": [],
    }


def _saved(record: Record) -> dict[str, str]:
    return {
        "artist": record["master_metadata_album_artist_name"],
        "album": record["master_metadata_album_album_name"],
        "track": record["master_metadata_track_name"],
        "uri": record["spotify_track_uri"],
    }


def _uri(kind: str, *names: str) -> str:
    """The URI of an album, artist or show; as that which the stand-in for the Web API has."""
    return f"spotify:{kind}:{id_of(kind, *names)}"
