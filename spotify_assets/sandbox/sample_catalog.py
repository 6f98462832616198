"""Catalogue files for the sample data: one of each kind that people have, with its quirks.

Each kind covers other tracks of the sample histories, and some tracks are in none, so that coverage is not whole.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.catalog import AUDIO_FEATURES
from spotify_assets.sandbox.catalogue import Catalogue, id_of, pick
from spotify_assets.sandbox.exports import land_sample, zip_files

Row = dict[str, Any]

FOLDER = "catalog/demo"
# The most played tracks, of which files tell; a kind has those whose number leaves its remainder.
MOST_TRACKS, KINDS = 3_000, 10
FEATURES = ",".join(AUDIO_FEATURES)
NAMED_FEATURES = FEATURES.title()
PITCHES = ("", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")  # C is empty
LIST_COLUMNS, GENRE_COLUMNS = 12, 7
PLAYLIST_GENRES = {"indie pop": "pop", "dream pop": "pop", "neo soul": "r&b", "grime": "rap", "garage rock": "rock"}
LATEST_YEAR, LIKED_TEMPO = 2023, 124
FIRST_ADDED = datetime(2023, 8, 5, 18, 30)

ARTISTS = "id,name,artist_popularity,artist_genres,followers," + ",".join(f"genre_{n}" for n in range(GENRE_COLUMNS))
ALBUMS = (
    "track_name,track_id,track_number,duration_ms,album_type,artists,total_tracks,album_name,release_date,label,"
    "album_popularity,album_id,artist_id," + ",".join(f"artist_{n}" for n in range(LIST_COLUMNS)) + ",duration_sec"
)
TRACKS = "id,track_popularity,explicit"
TRACK_FEATURES = f"{FEATURES},type,id,uri,track_href,analysis_url,duration_ms,time_signature"
TRIMMED_ARTISTS = "id,name,artist_popularity,followers,genre"
TRIMMED_ALBUMS = "album_id,album_name,album_popularity,release_date,label,artist_id,track_id,duration_sec"
TRIMMED_TRACKS = "track_id,track_popularity"
BY_GENRE = (
    f",track_id,artists,album_name,track_name,popularity,duration_ms,explicit,{FEATURES},time_signature,track_genre"
)
CENTURY = f"id,name,popularity,duration_ms,explicit,artists,id_artists,release_date,{FEATURES},time_signature"
CENTURY_ARTISTS = "id,followers,genres,name,popularity"
WITH_FEATURES = (
    "id,name,album,album_id,artists,artist_ids,track_number,disc_number,explicit,"
    f"{FEATURES},duration_ms,time_signature,year,release_date"
)
BY_YEAR = (
    "valence,year,acousticness,artists,danceability,duration_ms,energy,explicit,id,instrumentalness,key,liveness,"
    "loudness,mode,name,popularity,release_date,speechiness,tempo"
)
TOP_HITS = f"artist,song,duration_ms,explicit,year,popularity,{FEATURES},genre"
MOST_STREAMED = (
    "track_name,artist(s)_name,artist_count,released_year,released_month,released_day,in_spotify_playlists,"
    "in_spotify_charts,streams,in_apple_playlists,in_deezer_playlists,bpm,key,mode,danceability_%,valence_%,"
    "energy_%,acousticness_%,instrumentalness_%,liveness_%,speechiness_%"
)
OF_PLAYLISTS = (
    "track_id,track_name,track_artist,track_popularity,track_album_id,track_album_name,track_album_release_date,"
    f"playlist_name,playlist_id,playlist_genre,playlist_subgenre,{FEATURES},duration_ms"
)
EXPORTED = (
    "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,"
    f"Genres,Record Label,{NAMED_FEATURES},Time Signature"
)
EXPORTED_WITH_IDS = (
    "Track URI,Track Name,Artist URI(s),Artist Name(s),Album URI,Album Name,Album Artist URI(s),Album Artist Name(s),"
    "Album Release Date,Disc Number,Track Number,Track Duration (ms),Explicit,Popularity,ISRC,Added By,Added At,"
    "Artist Genres"
)


def land_sample_catalog(landing: LandingZone, plays: int) -> list[str]:
    """Land the catalogue files of `land_sample_exports(landing, plays)`; deterministic to the byte.

    Args:
        landing: The landing zone.
        plays: Records in the sample exports.

    Returns:
        Paths of the files.
    """
    paths = []
    for name, content in sample_catalog(plays):
        paths.append(f"{FOLDER}/{name}")
        land_sample(landing, paths[-1], content)
    return paths


def sample_catalog(plays: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file.

    Args:
        plays: Records in the sample exports.
    """
    songs = _Songs(Catalogue(plays))
    yield from _artists_albums_and_tracks(songs, songs.part(0) + songs.part(1))
    yield from _trimmed(songs, songs.part(2))
    yield "tracks_by_genre.csv", _csv(BY_GENRE, _by_genre(songs, songs.part(3)))
    century = songs.part(4)
    tracks = [row | {"explicit": int(row["explicit"])} for row in map(songs.row, century)]
    artists = [row | {"followers": float(row["followers"])} for row in songs.artists(century)]
    members = (("tracks.csv", _csv(CENTURY, tracks)), ("artists.csv", _csv(CENTURY_ARTISTS, artists)))
    yield "archive.zip", zip_files(members)
    yield "tracks_features.csv", _csv(WITH_FEATURES, _with_features(songs, songs.part(5)))
    by_year = [row | {"explicit": int(row["explicit"])} for row in map(songs.row, songs.part(6))]
    yield "tracks_by_year.csv", _csv(BY_YEAR, by_year)
    hits, of_playlists = songs.part(7), songs.part(8)
    yield "top_hits.csv", _csv(TOP_HITS, _top_hits(songs, hits[::2]), end="\r\n")
    yield "most_streamed.csv", _csv(MOST_STREAMED, _most_streamed(songs, hits[1::4]), "latin-1")
    yield "playlist_songs.csv", _csv(OF_PLAYLISTS, _of_playlists(songs, of_playlists[::2]))
    late_summer, road_trip = of_playlists[1::4], songs.part(9)[::4]
    yield "exportify/late_summer.csv", _csv(EXPORTED, _exported(songs, late_summer))
    yield "exportify/road_trip.csv", _csv(EXPORTED_WITH_IDS, _exported(songs, road_trip))


class _Songs:
    """The sample catalogue as rows, with columns in the spellings that several files share."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._ids = list(catalogue.tracks)[:MOST_TRACKS]

    def part(self, remainder: int) -> list[str]:
        """Ids of the tracks of a kind."""
        return self._ids[remainder::KINDS]

    def row(self, track_id: str) -> Row:
        """A track. Lists are in Python's notation, and `explicit` is a boolean."""
        track = self._catalogue.tracks[track_id]
        album = self._catalogue.albums[track["album"]["id"]]
        names, ids = ([artist[what] for artist in track["artists"]] for what in ("name", "id"))
        genres = self._catalogue.artists[ids[0]]["genres"]
        features = _features(track_id, genres)
        popularity = _popularity(track_id, ids[0], int(album["release_date"][:4]), features)
        return {
            **dict.fromkeys(("id", "track_id"), track_id),
            **dict.fromkeys(("uri", "Track URI"), track["uri"]),
            **dict.fromkeys(("name", "track_name", "song", "Track Name"), track["name"]),
            **dict.fromkeys(("popularity", "track_popularity", "Popularity"), popularity),
            **dict.fromkeys(("duration_ms", "Duration (ms)", "Track Duration (ms)"), track["duration_ms"]),
            **dict.fromkeys(("explicit", "Explicit"), track["explicit"]),
            **dict.fromkeys(("track_number", "Track Number"), track["track_number"]),
            **dict.fromkeys(("disc_number", "Disc Number"), track["disc_number"]),
            **dict.fromkeys(("album", "album_name", "track_album_name", "Album Name"), album["name"]),
            **dict.fromkeys(("album_id", "track_album_id"), album["id"]),
            **dict.fromkeys(
                ("release_date", "track_album_release_date", "Release Date", "Album Release Date"),
                album["release_date"],
            ),
            **dict.fromkeys(("label", "Record Label"), album["label"]),
            **dict.fromkeys(("artist", "track_artist", "Album Artist Name(s)"), names[0]),
            **dict.fromkeys(("artist_ids", "id_artists"), ids),
            "artist_id": ids[0],
            "artists": names,
            "genres": genres,
            "Album URI": album["uri"],
            "Artist URI(s)": ",".join(artist["uri"] for artist in track["artists"]),
            "Album Artist URI(s)": track["artists"][0]["uri"],
            "ISRC": track["external_ids"]["isrc"],
            "album_type": album["album_type"],
            "album_popularity": album["popularity"],
            "total_tracks": album["total_tracks"],
            "duration_sec": track["duration_ms"] / 1000,
            "year": int(album["release_date"][:4]),
            **features,
            **{name.replace("_", " ").title(): value for name, value in features.items()},
        }

    def artists(self, track_ids: Iterable[str]) -> list[Row]:
        """The first artist of each of these tracks, each once."""
        ids = dict.fromkeys(self._catalogue.tracks[track_id]["artists"][0]["id"] for track_id in track_ids)
        artists = [self._catalogue.artists[artist_id] for artist_id in ids]
        return [
            artist | {"followers": artist["followers"]["total"], "artist_popularity": artist["popularity"]}
            for artist in artists
        ]


def _features(track_id: str, genres: list[str]) -> Row:
    """Audio features: tracks of a genre resemble each other."""
    like = genres[0] if genres else ""

    def some(name: str) -> float:
        return 0.6 * pick(like, name, 1000) / 1000 + 0.4 * pick(track_id, name, 1000) / 1000

    features = {name: round(some(name), 3) for name in AUDIO_FEATURES}
    return features | {
        "key": pick(track_id, "key", 12),
        "mode": pick(track_id, "mode", 2),
        "loudness": round(-3 - 15 * some("loudness"), 3),
        "tempo": round(70 + 110 * some("tempo"), 3),
        # Mostly next to nothing, as `1.01e-06`.
        "instrumentalness": float(f"{some('instrumentalness') ** 12:.3g}"),
        "time_signature": 3 if pick(track_id, "time_signature", 12) == 0 else 4,
    }


def _popularity(track_id: str, artist_id: str, year: int, features: Row) -> int:
    """Popularity with something to be found: the artist, how new the track is, and a tempo that most like."""
    if pick(track_id, "replaced", 25) == 0:
        return 0  # as ids that Spotify has replaced
    artist = 12 + pick(artist_id, "fame", 42)
    newness = 26 * math.exp((year - LATEST_YEAR) / 7)
    tempo = 16 * math.exp(-(((features["tempo"] - LIKED_TEMPO) / 12) ** 2))
    return min(round(artist + newness + tempo + pick(track_id, "luck", 90) / 10), 100)


def _csv(header: str, rows: Iterable[Row], encoding: str = "utf-8", end: str = "\n") -> bytes:
    """A file of the header's columns; of a row what it lacks is empty, and what the header lacks is left out."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header.split(","), extrasaction="ignore", lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def _by_number(name: str, values: list[str], most: int) -> Row:
    return {f"{name}_{number}": value for number, value in enumerate(values[:most])}


def _artists_albums_and_tracks(songs: _Songs, ids: list[str]) -> Iterator[tuple[str, bytes]]:
    """Four files that are to be joined; not every track has an album, an artist and features."""
    rows = [songs.row(track_id) for track_id in ids]
    albums = []
    for number, row in enumerate(rows):
        released = f"{row['release_date']}-01-01"[:10] + " 00:00:00 UTC"
        album = row | {"release_date": released} | _by_number("artist", row["artists"], LIST_COLUMNS)
        if number % 40 != 7:
            albums.append(album)
        if number % 9 == 0:  # also on a compilation
            name = f"Best of {row['artist']}"
            best = {"album_id": id_of("album", name), "album_name": name, "album_type": "compilation"}
            albums.append(album | best | {"release_date": "2021-05-07 00:00:00 UTC", "total_tracks": 20})
    artists = [
        row | {"artist_genres": row["genres"]} | _by_number("genre", row["genres"], GENRE_COLUMNS)
        for number, row in enumerate(songs.artists(ids))
        if number % 12 != 5
    ]
    tracks = [row | {"explicit": str(row["explicit"]).lower()} for row in rows]
    tracks += [*tracks[::50], {"id": id_of("track", "Never Heard"), "track_popularity": "high"}]
    features = [
        row
        | {
            "type": "audio_features",
            "track_href": f"https://api.spotify.com/v1/tracks/{row['id']}",
            "analysis_url": f"https://api.spotify.com/v1/audio-analysis/{row['id']}",
        }
        for number, row in enumerate(rows)
        if number % 10 != 3
    ]
    yield "artist_album_track/artists.csv", _csv(ARTISTS, artists)
    yield "artist_album_track/albums.csv", _csv(ALBUMS, albums)
    yield "artist_album_track/tracks.csv", _csv(TRACKS, tracks)
    yield "artist_album_track/features.csv", _csv(TRACK_FEATURES, features)


def _trimmed(songs: _Songs, ids: list[str]) -> Iterator[tuple[str, bytes]]:
    """Three files with fewer columns, and one genre an artist."""
    rows = [songs.row(track_id) for track_id in ids]
    artists = [row | {"genre": next(iter(row["genres"]), "")} for row in songs.artists(ids)]
    yield "trimmed/artists.csv", _csv(TRIMMED_ARTISTS, artists)
    yield "trimmed/albums.csv", _csv(TRIMMED_ALBUMS, rows)
    yield "trimmed/tracks.csv", _csv(TRIMMED_TRACKS, rows)


def _by_genre(songs: _Songs, ids: list[str]) -> list[Row]:
    """A row per track and genre, numbered in a column without a name; in the middle one row of nothing."""
    rows = [
        row | {"artists": ";".join(row["artists"]), "track_genre": genre.replace(" ", "-")}
        for row in map(songs.row, ids)
        for genre in row["genres"]
    ]
    rows.insert(len(rows) // 2, {})
    return [row | {"": number} for number, row in enumerate(rows)]


def _with_features(songs: _Songs, ids: list[str]) -> Iterator[Row]:
    """Tracks with all their ids; the release of a few is unknown: year 0."""
    for number, row in enumerate(map(songs.row, ids)):
        yield row | ({"year": 0, "release_date": "0000"} if number % 25 == 9 else {})


def _top_hits(songs: _Songs, ids: list[str]) -> list[Row]:
    """Tracks without ids; some twice, and some without a genre."""
    rows = [row | {"genre": ", ".join(row["genres"]) or "set()"} for row in map(songs.row, ids)]
    return [*rows, *rows[::20]]


def _most_streamed(songs: _Songs, ids: list[str]) -> Iterator[Row]:
    """Tracks without ids, in Latin-1; shares are percentages, and one row's streams are no number."""
    for number, row in enumerate(map(songs.row, ids)):
        date = [int(part) for part in row["release_date"].split("-")]
        year, month, day = (*date, 1, 1)[:3]
        streams = 5_000_000 + pick(row["id"], "streams", 10**9)
        yield row | {
            "artist(s)_name": ", ".join(row["artists"]),
            "artist_count": len(row["artists"]),
            "released_year": year,
            "released_month": month,
            "released_day": day,
            "in_spotify_playlists": pick(row["id"], "playlists", 50_000),
            "in_spotify_charts": pick(row["id"], "charts", 100),
            "streams": f"BPM{row['tempo']:.0f}KeyAModeMajor" if number == 1 else streams,
            "in_apple_playlists": pick(row["id"], "apple", 500),
            "in_deezer_playlists": f"{pick(row['id'], 'deezer', 5_000):,}",
            "bpm": round(row["tempo"]),
            "key": PITCHES[row["key"]],
            "mode": ("Minor", "Major")[row["mode"]],
            **{f"{name}_%": round(100 * row[name]) for name in AUDIO_FEATURES},
        }


def _of_playlists(songs: _Songs, ids: list[str]) -> Iterator[Row]:
    """Tracks of playlists; every tenth is in two."""
    for number, row in enumerate(map(songs.row, ids)):
        genre = next(iter(row["genres"]), "latin pop")
        for name in (f"Pure {genre}", "Today's Mix")[: 2 if number % 10 == 0 else 1]:
            yield row | {
                "playlist_name": name,
                "playlist_id": id_of("playlist", name),
                "playlist_genre": PLAYLIST_GENRES.get(genre, "edm"),
                "playlist_subgenre": genre,
            }


def _exported(songs: _Songs, ids: list[str]) -> Iterator[Row]:
    """A playlist as Exportify writes it, with who added a track."""
    for number, row in enumerate(map(songs.row, ids)):
        added = FIRST_ADDED + timedelta(hours=7 * number)
        yield row | {
            "Artist Name(s)": ", ".join(row["artists"]),
            "Genres": ",".join(row["genres"]),
            "Artist Genres": ",".join(row["genres"]),
            "Explicit": str(row["explicit"]).lower(),
            "Added By": f"spotify:user:someone-else-{number % 3}",
            "Added At": f"{added:%Y-%m-%dT%H:%M:%SZ}",
        }
