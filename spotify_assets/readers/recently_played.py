"""Pages of the Web API's recently played tracks, as plays.

`played_at` is taken as the end of a play. The API has no duration; `ms_played` is estimated as the track's length, or
the time since the previous play in the same response where that is shorter.
"""

from datetime import timedelta
from typing import Any

import pyarrow as pa

from spotify_assets.readers.formats import FIELDS, RECENTLY_PLAYED
from spotify_assets.readers.responses import (
    Fields,
    album_fields,
    as_integer,
    as_list,
    as_time,
    clean_text,
    named_artists,
    spotify_id,
)

MILLISECOND = timedelta(milliseconds=1)


def find_plays(document: Any) -> list[Any] | None:
    """The plays in a page, a list of pages, or a list of plays; None for any other document."""
    if isinstance(document, dict):
        return document["items"] if _has_a_play(document.get("items")) else None
    pages = [page["items"] for page in as_list(document) if isinstance(page, dict) and _has_a_play(page.get("items"))]
    if pages:
        return [item for page in pages for item in page]
    return document if _has_a_play(document) else None


def _has_a_play(items: Any) -> bool:
    return any(isinstance(item, dict) and "played_at" in item and "track" in item for item in as_list(items))


def plays_table(items: list[Any]) -> pa.Table:
    """One row per item, in the fields of the format; `raw_record` is set for an item that is not a play."""
    times = sorted({at for item in items if isinstance(item, dict) and (at := as_time(item.get("played_at")))})
    before = dict(zip(times[1:], times, strict=False))
    rows = [_play_fields(item, before) for item in items]
    names = [*FIELDS[RECENTLY_PLAYED], "raw_record"]
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _play_fields(item: Any, before: dict) -> Fields:
    if not isinstance(item, dict):
        return {"raw_record": "no object: is no play"}
    track = item["track"] if isinstance(item.get("track"), dict) else {}
    album = track["album"] if isinstance(track.get("album"), dict) else {}
    track_id = spotify_id(track, "track")
    artists = [name for _, name in named_artists(track)]
    played_at = as_time(item.get("played_at"))
    since = (played_at - before[played_at]) // MILLISECOND if played_at in before else None
    lengths = [length for length in (as_integer(track.get("duration_ms")), since) if length is not None]
    return {
        "ts": clean_text(item.get("played_at")),
        "ms_played": str(min(lengths)) if lengths else None,
        "track_uri": f"spotify:track:{track_id}" if track_id else None,
        "track_name": clean_text(track.get("name")),
        "artist_name": album_fields(album)["album_artist_name"] or next(iter(artists), None),
        "album_name": clean_text(album.get("name")),
    }
