"""Catalogue of the stand-in: the content of the sample histories as objects of the Web API."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import cache
from typing import Any

from spotify_assets.model.catalogue import SHARES
from spotify_assets.sandbox.history import BASE62, SHOWS, SONG, spotify_ids, track_lengths, track_names

Document = dict[str, Any]

DEMO_PLAYS = 150_000
EPISODES = 400
GENRES = ("indie pop", "dream pop", "swedish synth", "neo soul", "garage rock", "deep house", "chamber folk", "grime")
LABELS = ("Harbour Light Records", "Paper Moon", "Nordisk Ljud", "Second Floor Music")
ALPHABET = "".join(BASE62)
MARKETS = ("AU", "BR", "DE", "DK", "FI", "GB", "NO", "PE", "SE", "US")

# Spotify's covers differ by size in the first sixteen digits only.
ALBUM_IMAGES = {640: "ab67616d0000b273", 300: "ab67616d00001e02", 64: "ab67616d00004851"}
ARTIST_IMAGES = {640: "ab6761610000e5eb", 320: "ab67616100005174", 160: "ab6761610000f178"}
SHOW_IMAGES = {640: "ab6765630000ba8a", 300: "ab67656300005f1f", 64: "ab6765630000f68d"}


class Objects(MutableMapping[str, Document]):
    """Objects by id, each built on first access: most of the thousands are never read.

    It can be changed like a dictionary; the stand-in serves the changed objects.
    """

    def __init__(self, ids: Iterable[str], make: Callable[[str], Document]) -> None:
        self._made: dict[str, Document | None] = dict.fromkeys(ids)
        self._make = make

    def __getitem__(self, key: str) -> Document:
        made = self._made[key]
        if made is None:
            made = self._made[key] = self._make(key)
        return made

    def __setitem__(self, key: str, value: Document) -> None:
        self._made[key] = value

    def __delitem__(self, key: str) -> None:
        del self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class Catalogue:
    """Tracks and their audio features, albums, artists, episodes and shows: full objects by id, the same every time.

    Ids, names and lengths are those of `land_sample_exports(landing, plays)`: all that Anna and Ben play.

    Args:
        plays: Records in the sample exports.
    """

    def __init__(self, plays: int = DEMO_PLAYS) -> None:
        count = tracks_in(plays * 6 // 10)
        titles, artists, albums = track_names(count)
        ids = spotify_ids(count, 11).tolist()
        self._lengths = dict(zip(ids, track_lengths(count).tolist(), strict=True))
        self._track_names = dict(zip(ids, zip(titles, artists, albums, strict=True), strict=True))
        self._number = {track_id: number for number, track_id in enumerate(ids)}
        self._ids = ids
        self._tracks_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for track_id, (_, artist, album) in self._track_names.items():
            self._tracks_of[artist, album].append(track_id)
        self._albums = {id_of("album", *names): names for names in self._tracks_of}
        self._artists = {id_of("artist", name): name for name in dict.fromkeys(artists)}
        self._episodes = {key: number for number, key in enumerate(spotify_ids(EPISODES, 13).tolist())}
        self._shows = {id_of("show", name): name for name in SHOWS}
        self.tracks = Objects(ids, self._track)
        self.albums = Objects(self._albums, self._album)
        self.artists = Objects(self._artists, self._artist)
        self.audio_features = Objects(ids, self._audio_features)
        self.episodes = Objects(self._episodes, self._episode)
        self.shows = Objects(self._shows, self._show)

    def _track(self, track_id: str) -> Document:
        _, artist, album = self._track_names[track_id]
        number = self._number[track_id]
        return self._simple_track(track_id) | {
            "album": self._simple_album(artist, album),
            "external_ids": {"isrc": f"SE{ALPHABET[10 + number // 100_000]}0A{number % 25:02}{number % 100_000:05}"},
            "popularity": pick(track_id, "popularity", 101),
        }

    def _simple_track(self, track_id: str) -> Document:
        title, artist, album = self._track_names[track_id]
        artists = [artist]
        if pick(track_id, "featured", 8) == 0:
            featured = self._track_names[self._ids[pick(track_id, "guest", len(self._ids))]][1]
            artists += [featured] if featured != artist else []
        return _identity("track", track_id) | {
            "name": title,
            "artists": [self._simple_artist(name) for name in artists],
            "available_markets": list(MARKETS),
            "disc_number": 1,
            "duration_ms": self._lengths[track_id],
            "explicit": pick(track_id, "explicit", 9) == 0,
            "is_local": False,
            "preview_url": None,
            "track_number": self._tracks_of[artist, album].index(track_id) + 1,
        }

    def _audio_features(self, track_id: str) -> Document:
        address = f"https://api.spotify.com/v1/{{}}/{track_id}"
        return {
            **{name: pick(track_id, name, 1_001) / 1_000 for name in SHARES},
            "loudness": -pick(track_id, "loudness", 30_000) / 1_000,
            "tempo": 60 + pick(track_id, "tempo", 120_000) / 1_000,
            "key": pick(track_id, "key", 13) - 1,
            "mode": pick(track_id, "mode", 2),
            "time_signature": 3 + pick(track_id, "time", 3),
            "duration_ms": self._lengths[track_id],
            "type": "audio_features",
            "id": track_id,
            "uri": f"spotify:track:{track_id}",
            "track_href": address.format("tracks"),
            "analysis_url": address.format("audio-analysis"),
        }

    def _album(self, album_id: str) -> Document:
        artist, name = self._albums[album_id]
        tracks = [self._simple_track(track_id) for track_id in self._tracks_of[artist, name]]
        return self._simple_album(artist, name) | {
            "copyrights": [{"text": f"(P) {artist}", "type": "P"}],
            "external_ids": {"upc": f"{pick(album_id, 'upc', 10**12):012}"},
            "genres": _genres(artist),
            "label": LABELS[pick(album_id, "label", len(LABELS))],
            "popularity": pick(album_id, "popularity", 101),
            "tracks": {
                "href": f"https://api.spotify.com/v1/albums/{album_id}/tracks?offset=0&limit=50",
                "items": tracks,
                "limit": 50,
                "next": None,
                "offset": 0,
                "previous": None,
                "total": len(tracks),
            },
        }

    def _simple_album(self, artist: str, name: str) -> Document:
        album_id = id_of("album", artist, name)
        released = f"{1966 + pick(album_id, 'year', 58)}-{1 + pick(album_id, 'month', 12):02}"
        released += f"-{1 + pick(album_id, 'day', 28):02}"
        # Of old albums often no more than the year is known.
        precision = ("day", "day", "day", "day", "day", "day", "day", "month", "year", "year")[
            pick(album_id, "precision", 10)
        ]
        total = len(self._tracks_of[artist, name])
        return _identity("album", album_id) | {
            "name": name,
            "album_type": "single" if total == 1 else "compilation" if pick(album_id, "type", 20) == 0 else "album",
            "artists": [self._simple_artist(artist)],
            "available_markets": list(MARKETS),
            "images": _images(ALBUM_IMAGES, album_id),
            "release_date": released[: {"day": 10, "month": 7, "year": 4}[precision]],
            "release_date_precision": precision,
            "total_tracks": total,
        }

    def _artist(self, artist_id: str) -> Document:
        name = self._artists[artist_id]
        return self._simple_artist(name) | {
            "followers": {"href": None, "total": pick(artist_id, "followers", 2_000_000)},
            "genres": _genres(name),
            "images": _images(ARTIST_IMAGES, artist_id),
            "popularity": pick(artist_id, "popularity", 101),
        }

    def _simple_artist(self, name: str) -> Document:
        return _identity("artist", id_of("artist", name)) | {"name": name}

    def _episode(self, episode_id: str) -> Document:
        number = self._episodes[episode_id]
        name = f"#{number + 1} {SONG[number % 30]} and {SONG[(number * 7 + 3) % 30].lower()}"
        return _identity("episode", episode_id) | {
            "name": name,
            "audio_preview_url": None,
            "description": f"On {name[name.index(' ') + 1 :].lower()}.",
            "duration_ms": 900_000 + pick(episode_id, "duration", 4_500_000),
            "explicit": False,
            "html_description": f"<p>On {name[name.index(' ') + 1 :].lower()}.</p>",
            "images": _images(SHOW_IMAGES, episode_id),
            "is_externally_hosted": False,
            "is_playable": True,
            "language": "en",
            "languages": ["en"],
            "release_date": f"{2018 + number // 60}-{1 + number % 12:02}-{1 + number % 28:02}",
            "release_date_precision": "day",
            "resume_point": {"fully_played": False, "resume_position_ms": 0},
            "show": self._show(id_of("show", SHOWS[number % len(SHOWS)])),
        }

    def _show(self, show_id: str) -> Document:
        name = self._shows[show_id]
        return _identity("show", show_id) | {
            "name": name,
            "available_markets": list(MARKETS),
            "copyrights": [],
            "description": f"{name}, every week.",
            "explicit": False,
            "html_description": f"<p>{name}, every week.</p>",
            "images": _images(SHOW_IMAGES, show_id),
            "is_externally_hosted": False,
            "languages": ["en"],
            "media_type": "audio",
            "publisher": "Sample Studios",
            "total_episodes": sum(number % len(SHOWS) == SHOWS.index(name) for number in range(EPISODES)),
        }


@cache
def id_of(*names: str) -> str:
    """A deterministic id of 22 characters in base 62, from names."""
    number = int.from_bytes(_digest(*names), "big")
    digits = []
    for _ in range(22):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def tracks_in(plays: int) -> int:
    """Number of different tracks in an `extended_history` of so many plays."""
    return max(20, min(max(1, round(plays / 1.009)) // 9, 500_000))


def _digest(*names: str) -> bytes:
    return hashlib.blake2b("\x1f".join(names).encode(), digest_size=16).digest()


def pick(key: str, what: str, below: int) -> int:
    """A deterministic pseudo-random number from 0 to `below` - 1."""
    return int.from_bytes(_digest(key, what), "big") % below


def _genres(artist: str) -> list[str]:
    first = pick(artist, "genre", len(GENRES) + 2)
    return [GENRES[(first + step) % len(GENRES)] for step in range(2)] if first < len(GENRES) else []


def _images(sizes: dict[int, str], key: str) -> list[Document]:
    picture = _digest(key, "image").hex()[:24]
    return [
        {"url": f"https://i.scdn.co/image/{prefix}{picture}", "height": size, "width": size}
        for size, prefix in sizes.items()
    ]


def _identity(kind: str, key: str) -> Document:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{key}"},
        "href": f"https://api.spotify.com/v1/{kind}s/{key}",
        "id": key,
        "type": kind,
        "uri": f"spotify:{kind}:{key}",
    }
