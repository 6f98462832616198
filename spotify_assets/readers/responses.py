"""The Web API's objects as dictionaries of typed columns. A field that is missing or of a wrong type is None.

Fields: https://developer.spotify.com/documentation/web-api.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from spotify_assets.model.catalogue import SHARES

# A JSON object of the API, or a row by column name.
Fields = dict[str, Any]

ID = re.compile(r"[0-9A-Za-z]{22}")
SEPARATORS = dict.fromkeys(range(0x1C, 0x20), " ")
MAX_INTEGER = {"int": (1 << 31) - 1, "bigint": (1 << 63) - 1}
# Fields with personal data of other people: who added an item, and the display name of a playlist's owner.
PEOPLE = ("added_by", "display_name")


def remove_people(document: Any) -> Any:
    """A copy of a response without the fields in `PEOPLE`, at any depth."""
    if isinstance(document, dict):
        return {name: remove_people(value) for name, value in document.items() if name not in PEOPLE}
    if isinstance(document, list):
        return [remove_people(value) for value in document]
    return document


def clean_text(value: Any) -> str | None:
    """Text in Unicode NFC; None if it is blank or not text."""
    # NFC, so that equal names get equal keys. Spark has no function for it.
    if not isinstance(value, str) or not value.strip():
        return None
    # JSON may hold lone surrogates, which UTF-8 can't encode. The separators are reserved for joining parts of keys.
    return unicodedata.normalize("NFC", value).encode("utf-8", "replace").decode().translate(SEPARATORS)


def as_integer(value: Any, type_: str = "bigint") -> int | None:
    """A whole number from 0 to the type's maximum, else None. `type_` is `int` or `bigint`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value in (1e999, -1e999):
        return None
    return int(value) if value == int(value) and 0 <= value <= MAX_INTEGER[type_] else None


def as_number(value: Any, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number within these bounds, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def as_boolean(value: Any) -> bool | None:
    """A boolean, else None."""
    return value if isinstance(value, bool) else None


def as_time(value: Any) -> datetime | None:
    """A UTC time from ISO 8601 text; without a zone it is taken as UTC. None outside of the years 1971 to 2999.

    Spotify writes 1970 for "unknown". The upper bound keeps microseconds since 1970 within the 17 digits that
    `transforms.aggregates.latest` sorts by.
    """
    try:
        parsed = datetime.fromisoformat(value)
        at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return at if 1970 < at.year < 3000 else None


def as_release_date(value: Any, precision: Any) -> tuple[date | None, str | None]:
    """Release date and its precision (`year`, `month` or `day`); the period's first day if only that is known."""
    found = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", value) if isinstance(value, str) else None
    if not found:
        return None, None
    year, month, day = (int(part) if part else None for part in found.groups())
    known = "day" if month and day else "month" if month else "year"
    if precision in ("year", "month") and known != "year":
        known = precision
    try:
        first = date(year or 0, month or 1, day or 1)
    except ValueError:
        return None, None
    return first.replace(month=first.month if known != "year" else 1, day=first.day if known == "day" else 1), known


def image_url(images: Any) -> str | None:
    """URL of the widest image, or of the first if no image has a width."""
    known = [entry for entry in as_list(images) if isinstance(entry, dict) and isinstance(entry.get("url"), str)]
    return clean_text(max(known, key=lambda entry: as_integer(entry.get("width")) or 0)["url"]) if known else None


def spotify_id(thing: Any, kind: str) -> str | None:
    """The object's id (22 letters and digits) from `id` or `uri`; None if neither has one."""
    if not isinstance(thing, dict):
        return None
    for value in (thing.get("id"), str(thing.get("uri") or "").removeprefix(f"spotify:{kind}:")):
        if isinstance(value, str) and ID.fullmatch(value):
            return value
    return None


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def clean_texts(values: Iterable[Any]) -> list[str]:
    """The values that are text and not blank."""
    return [known for known in map(clean_text, values) if known]


def named_artists(thing: Fields) -> list[tuple[str, str]]:
    """Id and name of each artist with a name, in order; an id that is missing is empty text."""
    artists = [artist for artist in as_list(thing.get("artists")) if isinstance(artist, dict)]
    known = [(spotify_id(artist, "artist") or "", clean_text(artist.get("name"))) for artist in artists]
    return [(artist_id, name) for artist_id, name in known if name]


def track_fields(track: Fields) -> Fields:
    """Columns of a track object, full or simplified: those of `model.catalogue.track_columns`."""
    artists = named_artists(track)
    album = track.get("album")
    external = track.get("external_ids")
    return {
        "track_name": clean_text(track.get("name")),
        "artist_ids": [artist_id for artist_id, _ in artists],
        "artist_names": [name for _, name in artists],
        "duration_ms": as_integer(track.get("duration_ms")),
        "explicit": as_boolean(track.get("explicit")),
        "isrc": clean_text(external.get("isrc")) if isinstance(external, dict) else None,
        "disc_number": as_integer(track.get("disc_number"), "int"),
        "track_number": as_integer(track.get("track_number"), "int"),
        "popularity": as_integer(track.get("popularity"), "int"),
        **album_fields(album if isinstance(album, dict) else {}),
    }


def album_fields(album: Fields) -> Fields:
    """Columns of an album object, full or simplified: those of `model.catalogue.album_columns`."""
    artists = named_artists(album)
    released, precision = as_release_date(album.get("release_date"), album.get("release_date_precision"))
    return {
        "album_id": spotify_id(album, "album"),
        "album_name": clean_text(album.get("name")),
        "album_artist_id": (artists[0][0] or None) if artists else None,
        "album_artist_name": artists[0][1] if artists else None,
        "album_type": clean_text(album.get("album_type")),
        "total_tracks": as_integer(album.get("total_tracks"), "int"),
        "release_date": released,
        "release_date_precision": precision,
        "image_url": image_url(album.get("images")),
    }


def episode_fields(episode: Fields) -> Fields:
    """Columns of an episode object, named as those of a track, with `show_name` in place of the album."""
    show = episode.get("show")
    released, precision = as_release_date(episode.get("release_date"), episode.get("release_date_precision"))
    return {
        "track_name": clean_text(episode.get("name")),
        "duration_ms": as_integer(episode.get("duration_ms")),
        "explicit": as_boolean(episode.get("explicit")),
        "release_date": released,
        "release_date_precision": precision,
        "image_url": image_url(episode.get("images")),
        "show_name": clean_text(show.get("name")) if isinstance(show, dict) else None,
    }


def full_album_fields(album: Fields) -> Fields:
    """Columns of a full album object: `album_fields`, label, genres and UPC."""
    external = album.get("external_ids")
    return album_fields(album) | {
        "label": clean_text(album.get("label")),
        "genres": clean_texts(as_list(album.get("genres"))),
        "upc": clean_text(external.get("upc")) if isinstance(external, dict) else None,
    }


def artist_fields(artist: Fields) -> Fields:
    """Columns of a full artist object."""
    followers = artist.get("followers")
    return {
        "artist_name": clean_text(artist.get("name")),
        "genres": clean_texts(as_list(artist.get("genres"))),
        "image_url": image_url(artist.get("images")),
        "popularity": as_integer(artist.get("popularity"), "int"),
        "followers": as_integer(followers.get("total")) if isinstance(followers, dict) else None,
    }


def audio_features_fields(features: Fields) -> Fields:
    """Columns of an audio features object: those of `model.catalogue.feature_columns`.

    A key of -1 is none that could be detected, and a tempo of 0 is that of silence: both are None.
    """
    key, mode = (as_integer(features.get(name), "int") for name in ("key", "mode"))
    return {
        **{name: as_number(features.get(name), 0, 1) for name in SHARES},
        "loudness": as_number(features.get("loudness")),
        "tempo": as_number(features.get("tempo"), 0) or None,
        "key": key if key in range(12) else None,
        "mode": mode if mode in (0, 1) else None,
        "time_signature": as_integer(features.get("time_signature"), "int"),
    }
