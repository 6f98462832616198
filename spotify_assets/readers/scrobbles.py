"""Scrobbles: plays as Last.fm and ListenBrainz tell them. They have a start, and mostly no length.

Last.fm counts a play of which half was heard, or 4 minutes (https://www.last.fm/api/scrobbling).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.formats import LASTFM, LISTENBRAINZ
from spotify_assets.readers.responses import Fields, as_list, clean_text

SCROBBLE_FORMATS = (LASTFM, LISTENBRAINZ)
# Fields that `lastfm_table` derives from the API's objects.
LASTFM_FIELDS = ("uts", "artist", "album", "track")
# Milliseconds. The most that Last.fm asks for of a play, and the least: half of the shortest track that it takes.
LONGEST_ASKED = 4 * 60 * 1000
LEAST_ASKED = 15 * 1000
LONGEST_KNOWN = 24 * 60 * 60 * 1000


def find_scrobbles(document: Any) -> list[Fields] | None:
    """The plays in one or several pages of `user.getRecentTracks`, or in what exporters make of them; else None.

    What is playing now is left out: it has no time yet.
    """
    pages = document if isinstance(document, list) else [document]
    plays = [play for page in pages for play in _plays_of(page)]
    return [play for play in plays if not _is_playing_now(play)] if any(map(_is_play, plays)) else None


def _plays_of(page: Any) -> list[Any]:
    """The plays of a page; of anything else itself, as it may be a play."""
    if isinstance(page, dict):
        page = page.get("recenttracks", page)
    if not isinstance(page, dict):
        return [page]
    for field in ("track", "scrobbles"):
        if isinstance(page.get(field), list) or (isinstance(page.get(field), dict) and _is_play(page[field])):
            return as_list(page[field]) or [page[field]]
    return [page]


def _is_play(play: Any) -> bool:
    return (
        isinstance(play, dict)
        and {"artist", "date"} <= play.keys()
        and not {"name", "track"}.isdisjoint(play)
        and _text(play["artist"], "#text", "name") is not None
    )


def _is_playing_now(play: Any) -> bool:
    attributes = play.get("@attr") if isinstance(play, dict) else None
    return isinstance(attributes, dict) and str(attributes.get("nowplaying")).lower() == "true"


def lastfm_table(plays: list[Any]) -> pa.Table:
    """One row per play, in `LASTFM_FIELDS`; `raw_record` is set for what is no play."""
    rows = [_lastfm_fields(play) for play in plays]
    names = (*LASTFM_FIELDS, "raw_record")
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _lastfm_fields(play: Any) -> Fields:
    if not isinstance(play, dict):
        return {"raw_record": "no object: is no play"}
    return {
        "uts": _text(play.get("date"), "uts", "#text"),
        "artist": _text(play.get("artist"), "#text", "name"),
        "album": _text(play.get("album"), "#text", "title"),
        "track": clean_text(play.get("name")) or _text(play.get("track"), "#text", "name"),
    }


def _text(value: Any, *fields: str) -> str | None:
    """The text in the first of these fields that has some, or the value itself where it is text or a whole number."""
    values = [value.get(field) for field in fields] if isinstance(value, dict) else [value]
    texts = (str(one) if isinstance(one, int) and not isinstance(one, bool) else clean_text(one) for one in values)
    return next(filter(None, texts), None)


def estimate_lengths(tables: Iterator[pa.Table], read_again: Callable[[], Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """The tables, with an estimate of `ms_played` of every record with a time.

    It is the time until the next play of the file, at most the track's length, which `ms_played` holds where it is
    known, and at least half of that; of a track of unknown length, at most `LONGEST_ASKED` and at least `LEAST_ASKED`.

    Args:
        tables: Records in the schema of `records.RecordShaper`; of them only the times are kept.
        read_again: Reads the same tables once more.
    """
    moments = [table["reported_at"].drop_null().cast(pa.int64()).to_numpy() for table in tables]
    times = np.unique(np.concatenate(moments)) if moments else np.array([], np.int64)
    for table in read_again():
        column = table.schema.get_field_index("ms_played")
        yield table.set_column(column, "ms_played", _lengths(table, times))


def _lengths(table: pa.Table, times: np.ndarray) -> pa.Array:
    """`ms_played` as text: the estimate, or what the file has where a record has no time."""
    has_time = pc.is_valid(table["reported_at"]).to_numpy()
    started = table["reported_at"].cast(pa.int64()).fill_null(0).to_numpy()
    following = np.searchsorted(times, started, side="right")
    until_next = np.full(len(started), np.iinfo(np.int64).max // 1000)
    has_next = following < len(times)
    until_next[has_next] = (times[following[has_next]] - started[has_next]) // 1000
    known = _numbers(table["ms_played"])
    is_known = (known > 0) & (known <= LONGEST_KNOWN)
    longest = np.where(is_known, known, LONGEST_ASKED)
    least = np.where(is_known, np.minimum(known / 2, LONGEST_ASKED), LEAST_ASKED)
    estimate = np.minimum(longest, np.maximum(least, until_next)).astype(np.int64)
    as_text = pa.array(estimate).cast(pa.string())
    return pc.if_else(pa.array(has_time), as_text, table["ms_played"].combine_chunks())


def _numbers(texts: pa.ChunkedArray) -> np.ndarray:
    """The texts as numbers; 0 where they are none."""
    is_number = pc.fill_null(pc.match_substring_regex(texts, r"^\d{1,12}(?:\.\d*)?$"), False)
    return pc.if_else(is_number, texts, "0").cast(pa.float64()).to_numpy()
