"""What Spotify's account data holds besides listening history: `Playlist1.json` and `YourLibrary.json`.

Both are told by their fields, whatever the file's name. Of a playlist's items and of the library's entries only the
fields named here are taken: collaborators, and whatever a later export may add about people, are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from spotify_assets.model.raw import LIBRARY, PLAYLISTS
from spotify_assets.readers.clock import Believed, believe
from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.json import parse_json, read_text
from spotify_assets.readers.playlists import item_fields, to_json
from spotify_assets.readers.responses import Fields, as_list, as_time, clean_text
from spotify_assets.readers.text import TextStream, require_text

# Exports from before 2020 have `tracks` instead of `items`.
ITEMS = ("items", "tracks")
TRACK_FIELDS = ("trackName", "artistName", "albumName", "trackUri")
# What an item of a playlist may be, and the fields that are taken of it: there is one, and the others are null.
FIELDS_OF_ITEM = {
    "track": TRACK_FIELDS,
    "episode": ("episodeName", "showName", "episodeUri"),
    "audiobook": ("audiobookName", "chapterName", "chapterTitle", "audiobookUri", "chapterUri", "authorName"),
    "localTrack": ("uri", *TRACK_FIELDS),
}
LIBRARY_SECTIONS = ("tracks", "albums", "shows", "episodes", "artists", "bannedTracks", "bannedArtists", "other")
LIBRARY_FIELDS = ("track", "artist", "album", "name", "show", "publisher", "uri")
# Objects of the Web API have some of the library's fields, and one of these.
API_FIELDS = {"type", "href", "id"}
LIBRARY_NAME = "Your Library"
SECTION = re.compile(r"[A-Za-z]{1,40}")
# A URI that names no person, as `spotify:user:...` does.
CONTENT_URI = re.compile(r"spotify:([a-z_]{1,20}):([0-9A-Za-z]{22})")
LOCAL_URI = "spotify:local:"
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class AccountData:
    """Playlists or a library, as exported.

    Attributes:
        kind: `PLAYLISTS` or `LIBRARY`.
        document: The file's content.
        dates: Dates in it (UTC); the export can't be older than the latest one.
        is_empty: Whether there is no playlist, or nothing in the library.
    """

    kind: str
    document: Fields = field(repr=False)
    dates: Believed = field(default_factory=Believed)
    is_empty: bool = False


@dataclass(frozen=True)
class ExportedPlaylist:
    """A playlist of an export: attributes as those of a capture, and items in the columns of `raw_playlists`.

    `problem` is why it can't be read; it has no items then.
    """

    name: str | None
    attributes: Fields
    items: list[Fields] = field(repr=False)
    problem: str | None = None

    @property
    def begun_at(self) -> datetime:
        """When the first of its items was added: it tells playlists of one name apart, in every export alike."""
        return min((item["added_at"] for item in self.items if item["added_at"]), default=NEVER)


def find_account_data(stream: BinaryIO, max_bytes: int, until: datetime) -> AccountData | None:
    """The playlists or the library in a file; None if it is something else.

    Args:
        stream: The file, at its start.
        max_bytes: Largest JSON document to read, in bytes.
        until: Dates after this time are not believed (UTC).
    """
    try:
        text = TextStream(stream)
        if not require_text(text).startswith("{"):
            return None
        document = parse_json(read_text(text, max_bytes))
    except UnreadableError:
        return None
    if not isinstance(document, dict):
        return None
    playlists = document.get("playlists")
    if isinstance(playlists, list) and (not playlists or any(map(_is_playlist, playlists))):
        dates = believe(map(as_time, _dates(playlists)), until)
        return AccountData(PLAYLISTS, document, dates, is_empty=not playlists)
    sections = [name for name in LIBRARY_SECTIONS if isinstance(document.get(name), list)]
    if len(sections) > 1 and not API_FIELDS & document.keys():
        return AccountData(LIBRARY, document, is_empty=not any(document[name] for name in sections))
    return None


def _is_playlist(playlist: Any) -> bool:
    return isinstance(playlist, dict) and "name" in playlist and bool({*ITEMS, "lastModifiedDate"} & playlist.keys())


def _dates(playlists: list[Any]) -> Iterator[Any]:
    for playlist in filter(_is_playlist, playlists):
        yield playlist.get("lastModifiedDate")
        for item in _items_of(playlist) or ():
            if isinstance(item, dict):
                yield item.get("addedDate")


def _items_of(playlist: Fields) -> list[Any] | None:
    return next((playlist[name] for name in ITEMS if isinstance(playlist.get(name), list)), None)


def exported_playlists(data: AccountData) -> list[ExportedPlaylist]:
    """The playlists of an export; of a library one playlist, of its tracks and then its episodes."""
    if data.kind == LIBRARY:
        saved = [
            _library_item(section, entry)
            for section in ("tracks", "episodes")
            for entry in as_list(data.document.get(section))
        ]
        return [ExportedPlaylist(LIBRARY_NAME, {}, saved)]
    found = []
    for element in data.document["playlists"]:
        playlist = element if _is_playlist(element) else {}
        items = _items_of(playlist)
        problem = None if items is not None else "a playlist without its items"
        attributes = {"description": clean_text(playlist.get("description"))}
        name = clean_text(playlist.get("name"))
        found.append(ExportedPlaylist(name, attributes, [*map(_playlist_item, items or ())], problem))
    return found


def library_entries(data: AccountData) -> Iterator[Fields]:
    """Each entry of a library, in the columns of `raw_library`: section, position, kind and id, and names."""
    for section, entries in data.document.items():
        if not isinstance(entries, list) or not SECTION.fullmatch(section):
            continue
        for position, entry in enumerate(entries):
            known = _known(entry, LIBRARY_FIELDS) if isinstance(entry, dict) else {"uri": entry}
            # Entries of old exports are a name alone.
            is_name = not isinstance(entry, dict) and not str(entry).startswith("spotify:")
            uri = CONTENT_URI.fullmatch(str(known.get("uri")))
            local = local_track(known.get("uri")) or {}
            name = known.get("track") or known.get("name") or local.get("name")
            if section not in LIBRARY_SECTIONS:
                name = None  # it may name a person
            elif section == "albums":
                name = known.get("album") or name
            elif is_name and section in ("artists", "bannedArtists"):
                name = entry
            artist = known.get("artist") or known.get("publisher") or known.get("show") or _first_artist(local)
            yield {
                "section": section,
                "position": position,
                "item_type": uri[1] if uri else None,
                "item_id": uri[2] if uri else None,
                "name": clean_text(name),
                "artist_name": clean_text(artist),
                "album_name": clean_text(known.get("album")),
            }


def _known(thing: Any, names: tuple[str, ...]) -> Fields:
    """The fields of these names that are text."""
    return {name: thing[name] for name in names if isinstance(thing, dict) and isinstance(thing.get(name), str)}


def _playlist_item(entry: Any) -> Fields:
    """An item of `Playlist1.json` in the columns of `raw_playlists`."""
    entry = entry if isinstance(entry, dict) else {}
    kept: Fields = {name: _known(entry.get(name), fields) or None for name, fields in FIELDS_OF_ITEM.items()}
    if flat := _known(entry, TRACK_FIELDS):
        kept["track"] = kept["track"] or flat
    kept["addedDate"] = clean_text(entry.get("addedDate"))
    payload = None
    if track := kept["track"] or kept["localTrack"]:
        payload = _track(
            track.get("trackUri") or track.get("uri"),
            track.get("trackName"),
            track.get("artistName"),
            track.get("albumName"),
            is_local=not kept["track"],
        )
    elif episode := kept["episode"]:
        payload = _episode(episode.get("episodeUri"), episode.get("episodeName"), episode.get("showName"))
    elif book := kept["audiobook"]:
        chapter = book.get("chapterName") or book.get("chapterTitle") or book.get("audiobookName")
        payload = _episode(book.get("chapterUri"), chapter, book.get("audiobookName"))
    return _fields(payload, kept["addedDate"], kept)


def _library_item(section: str, entry: Any) -> Fields:
    """A saved track or episode in the columns of `raw_playlists`."""
    kept = _known(entry, LIBRARY_FIELDS)
    uri = kept.get("uri", entry if isinstance(entry, str) else None)
    if section == "episodes":
        return _fields(_episode(uri, kept.get("name"), kept.get("show")), None, kept)
    name = kept.get("track") or kept.get("name")
    return _fields(_track(uri, name, kept.get("artist"), kept.get("album")), None, kept)


def _fields(payload: Fields | None, added: str | None, original: Fields) -> Fields:
    text = to_json(original).encode("utf-8", "replace").decode()
    return item_fields({"added_at": added, "track": payload}) | {"item": text}


def _track(uri: Any, name: Any, artist: Any, album: Any, *, is_local: bool = False) -> Fields:
    """A track as the Web API has it."""
    if str(uri).startswith("spotify:episode:"):
        return _episode(uri, name, artist)
    told = {"name": name, "artists": [{"name": artist}], "album": {"name": album}}
    if local := local_track(uri):
        return local | {key: value for key, value in told.items() if name and value}
    return {"type": "track", "uri": uri, "is_local": is_local} | told


def local_track(uri: Any) -> Fields | None:
    """What `spotify:local:ARTIST:ALBUM:TITLE:SECONDS` tells of a file of the listener's own; None for other URIs."""
    if not isinstance(uri, str) or not uri.startswith(LOCAL_URI):
        return None
    parts = [unquote_plus(part) for part in uri.removeprefix(LOCAL_URI).split(":")]
    artist, album, name, seconds, *_ = [*parts, "", "", "", ""]
    return {
        "type": "track",
        "is_local": True,
        "name": name or None,
        "artists": [{"name": artist}],
        "album": {"name": album},
        "duration_ms": int(seconds) * 1000 if seconds.isascii() and seconds.isdigit() and len(seconds) < 7 else None,
    }


def _first_artist(track: Fields) -> str | None:
    return track["artists"][0]["name"] if track else None


def _episode(uri: Any, name: Any, show: Any) -> Fields:
    return {"type": "episode", "uri": uri, "name": name, "show": {"name": show}}
