"""Fields of the Web API's objects as typed values: a field that is missing, or is not what it should be, is null."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

# A JSON object, and a row.
Fields = dict[str, Any]

ID = re.compile(r"[0-9A-Za-z]{22}")
SEPARATORS = dict.fromkeys(range(0x1C, 0x20), " ")
MAX_INTEGER = {"int": (1 << 31) - 1, "bigint": (1 << 63) - 1}
# Other people's: who added an item, and the display names of those who own a playlist.
PEOPLE = ("added_by", "display_name")


def without_people(document: Any) -> Any:
    """The response less what names other people."""
    if isinstance(document, dict):
        return {name: without_people(value) for name, value in document.items() if name not in PEOPLE}
    if isinstance(document, list):
        return [without_people(value) for value in document]
    return document


def text(value: Any) -> str | None:
    """Text in NFC, since Spark can't: the same name must give the same key everywhere. Null where it is blank."""
    if not isinstance(value, str) or not value.strip():
        return None
    # Half a surrogate pair is valid in JSON, and no text; and information separators join the parts of keys.
    return unicodedata.normalize("NFC", value).encode("utf-8", "replace").decode().translate(SEPARATORS)


def whole(value: Any, type_: str = "bigint") -> int | None:
    """A whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value in (1e999, -1e999):
        return None
    return int(value) if value == int(value) and 0 <= value <= MAX_INTEGER[type_] else None


def flag(value: Any) -> bool | None:
    """A boolean."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601; UTC where it names no zone. Spotify's year 1970 stands for "unknown", and none is far off:
    microseconds since 1970 have 17 digits where the latest is sought.
    """
    try:
        parsed = datetime.fromisoformat(value)
        at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return at if 1970 < at.year < 3000 else None


def release(value: Any, precision: Any) -> tuple[date | None, str | None]:
    """Day of release and its precision; the first day where only the year or month is known."""
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


def image(images: Any) -> str | None:
    """Address of the largest image; of the first where sizes are unknown."""
    known = [entry for entry in listed(images) if isinstance(entry, dict) and isinstance(entry.get("url"), str)]
    return text(max(known, key=lambda entry: whole(entry.get("width")) or 0)["url"]) if known else None


def spotify_id(thing: Any, kind: str) -> str | None:
    """Its id: 22 letters and digits, from `id` or `uri`."""
    if not isinstance(thing, dict):
        return None
    for value in (thing.get("id"), str(thing.get("uri") or "").removeprefix(f"spotify:{kind}:")):
        if isinstance(value, str) and ID.fullmatch(value):
            return value
    return None


def listed(value: Any) -> list[Any]:
    """A list, or nothing."""
    return value if isinstance(value, list) else []


def texts(values: Iterable[Any]) -> list[str]:
    """Texts that are none are left out."""
    return [known for known in map(text, values) if known]


def named_artists(thing: Fields) -> list[tuple[str, str]]:
    """Id and name of each artist, in order; an id is empty text where there is none."""
    artists = [artist for artist in listed(thing.get("artists")) if isinstance(artist, dict)]
    known = [(spotify_id(artist, "artist") or "", text(artist.get("name"))) for artist in artists]
    return [(artist_id, name) for artist_id, name in known if name]


def track_fields(track: Fields) -> Fields:
    """Of a track, full or simplified: the columns of `model.catalogue.track_fields`."""
    artists = named_artists(track)
    album = track.get("album")
    external = track.get("external_ids")
    return {
        "track_name": text(track.get("name")),
        "artist_ids": [artist_id for artist_id, _ in artists],
        "artist_names": [name for _, name in artists],
        "duration_ms": whole(track.get("duration_ms")),
        "explicit": flag(track.get("explicit")),
        "isrc": text(external.get("isrc")) if isinstance(external, dict) else None,
        "disc_number": whole(track.get("disc_number"), "int"),
        "track_number": whole(track.get("track_number"), "int"),
        "popularity": whole(track.get("popularity"), "int"),
        **album_fields(album if isinstance(album, dict) else {}),
    }


def album_fields(album: Fields) -> Fields:
    """Of an album, full or simplified: the columns of `model.catalogue.album_fields`."""
    artists = named_artists(album)
    released, precision = release(album.get("release_date"), album.get("release_date_precision"))
    return {
        "album_id": spotify_id(album, "album"),
        "album_name": text(album.get("name")),
        "album_artist_id": (artists[0][0] or None) if artists else None,
        "album_artist_name": artists[0][1] if artists else None,
        "album_type": text(album.get("album_type")),
        "total_tracks": whole(album.get("total_tracks"), "int"),
        "release_date": released,
        "release_date_precision": precision,
        "image_url": image(album.get("images")),
    }


def episode_fields(episode: Fields) -> Fields:
    """Of a podcast episode, in the columns of a track: its show is what an album is to a track."""
    show = episode.get("show")
    released, precision = release(episode.get("release_date"), episode.get("release_date_precision"))
    return {
        "track_name": text(episode.get("name")),
        "duration_ms": whole(episode.get("duration_ms")),
        "explicit": flag(episode.get("explicit")),
        "release_date": released,
        "release_date_precision": precision,
        "image_url": image(episode.get("images")),
        "show_name": text(show.get("name")) if isinstance(show, dict) else None,
    }


def full_album_fields(album: Fields) -> Fields:
    """Of a full album."""
    external = album.get("external_ids")
    return album_fields(album) | {
        "label": text(album.get("label")),
        "genres": texts(listed(album.get("genres"))),
        "upc": text(external.get("upc")) if isinstance(external, dict) else None,
    }


def artist_fields(artist: Fields) -> Fields:
    """Of a full artist."""
    followers = artist.get("followers")
    return {
        "artist_name": text(artist.get("name")),
        "genres": texts(listed(artist.get("genres"))),
        "image_url": image(artist.get("images")),
        "popularity": whole(artist.get("popularity"), "int"),
        "followers": whole(followers.get("total")) if isinstance(followers, dict) else None,
    }
