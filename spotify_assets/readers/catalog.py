"""Catalogue files: CSVs of artists, albums, tracks and audio features, told apart by their header.

Columns are found by synonyms, whatever their order; upper and lower case, blanks, underscores and brackets make no
difference (`Artist Name(s)` is `artist_names`). A file feeds each of the raw tables that its header describes. Values
stay text, as the file has them; transforms parse them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.escaping import escape_controls
from spotify_assets.model.raw import CATALOG_COLUMNS
from spotify_assets.readers import csv
from spotify_assets.readers.formats import detect_format
from spotify_assets.readers.lines import read_line_blocks
from spotify_assets.readers.text import DELIMITERS as CSV_DELIMITERS
from spotify_assets.readers.text import TextStream, decode_lines, require_text

# Spotify's audio features, of 0 to 1 but for key (0 is C, -1 none), loudness (dB), mode (1 is major) and tempo (bpm).
AUDIO_FEATURES = (
    "danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
    "liveness", "valence", "tempo",
)  # fmt: skip
# Of these, what no other file has columns of.
TELLING_FEATURES = frozenset(AUDIO_FEATURES) - {"key", "mode", "tempo"}

# Of each field, names that columns have in files, without case, blanks and punctuation. Each group is one place where
# a field may be; the first of which a file has a column is taken, and with several of them all are joined by `;`.
SYNONYMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "track_id": tuple(
        (name,)
        for name in ("trackid", "spotifytrackid", "spotifyid", "songid", "trackuri", "spotifytrackuri", "songuri")
    ),
    "track_name": tuple(
        (name,) for name in ("trackname", "song", "songname", "songtitle", "tracktitle", "title", "track")
    ),
    "artist_ids": tuple(
        (name,)
        for name in ("artistids", "idartists", "artistsids", "artistsid", "artistid", "trackartistid", "artisturi")
    ),
    "artist_names": (
        *((name,) for name in ("artists", "artistnames", "artistname", "artistsname", "artist", "trackartist")),
        tuple(f"artist{number}" for number in range(20)),
    ),
    "artist_count": (("artistcount",),),
    "artist_popularity": (("artistpopularity",),),
    "artist_genres": (("artistgenres",), ("artistgenre",), tuple(f"genre{number}" for number in range(20))),
    "followers": tuple((name,) for name in ("followers", "artistfollowers", "totalfollowers", "followerstotal")),
    "album_id": tuple((name,) for name in ("albumid", "trackalbumid", "albumuri")),
    "album_name": tuple((name,) for name in ("albumname", "album", "albumtitle", "trackalbumname")),
    "album_artist_ids": tuple((name,) for name in ("albumartistids", "albumartistid", "albumartisturi")),
    "album_artist_names": tuple((name,) for name in ("albumartistnames", "albumartistname", "albumartist")),
    "album_type": (("albumtype",),),
    "album_popularity": (("albumpopularity",),),
    "label": tuple((name,) for name in ("label", "recordlabel", "albumlabel")),
    "total_tracks": tuple((name,) for name in ("totaltracks", "albumtotaltracks")),
    "release_date": tuple((name,) for name in ("releasedate", "albumreleasedate", "trackalbumreleasedate")),
    "release_year": tuple((name,) for name in ("releaseyear", "releasedyear", "year")),
    "release_month": tuple((name,) for name in ("releasemonth", "releasedmonth")),
    "release_day": tuple((name,) for name in ("releaseday", "releasedday")),
    "track_number": (("tracknumber",),),
    "disc_number": (("discnumber",),),
    "duration_ms": tuple((name,) for name in ("durationms", "trackdurationms", "lengthms")),
    "duration_sec": tuple((name,) for name in ("durationsec", "durations", "durationseconds")),
    "explicit": tuple((name,) for name in ("explicit", "isexplicit")),
    "isrc": (("isrc",),),
    "track_popularity": (("trackpopularity",),),
    "track_genres": (("trackgenres",), ("trackgenre",), ("playlistgenre", "playlistsubgenre")),
    **{name: ((name,),) for name in AUDIO_FEATURES if name != "tempo"},
    "tempo": (("tempo",), ("bpm",)),
    "time_signature": (("timesignature",),),
}
# Names that say something of whatever a file's rows are: of tracks, albums or artists.
OF_ROWS = {
    "id": {"track": "track_id", "album": "album_id", "artist": "artist_ids"},
    "uri": {"track": "track_id", "album": "album_id", "artist": "artist_ids"},
    "name": {"track": "track_name", "album": "album_name", "artist": "artist_names"},
    "popularity": {"track": "track_popularity", "album": "album_popularity", "artist": "artist_popularity"},
    "genres": {"track": "track_genres", "artist": "artist_genres"},
    "genre": {"track": "track_genres", "artist": "artist_genres"},
}
# Fields that show what the rows of a file are, from what only tracks have to what all have.
OF_TRACKS = {
    "track_id", "track_name", "track_popularity", "track_genres", "explicit", "isrc", "track_number", "disc_number",
    "duration_ms", "duration_sec", *AUDIO_FEATURES,
}  # fmt: skip
OF_ALBUMS = {"album_id", "album_name", "album_type", "album_popularity", "total_tracks", "label"}
OF_ARTISTS = {"artist_ids", "artist_popularity", "artist_genres", "followers"}
# Of each raw table its columns, where they aren't called as the field.
FIELD_OF_COLUMN: dict[str, dict[str, tuple[str, ...]]] = {
    "raw_catalog_artists": {"popularity": ("artist_popularity",), "genres": ("artist_genres",)},
    "raw_catalog_albums": {
        "popularity": ("album_popularity",),
        "artist_ids": ("album_artist_ids", "artist_ids"),
        "artist_names": ("album_artist_names", "artist_names"),
    },
    "raw_catalog_tracks": {"popularity": ("track_popularity",), "genres": ("track_genres",)},
    "raw_catalog_features": {},
}
DELIMITERS = (*CSV_DELIMITERS, "|")
MAX_SHOWN_HEADER = 160
# Why a landed file isn't read, and what to do.
IS_HISTORY, TO_HISTORY = "it is listening history", "; move it to history/NAME/"
TEXT_TYPE = pa.string()


class NoCatalogError(Exception):
    """A readable file that is no catalogue. The message describes what the file is, and names its header."""


@dataclass(frozen=True)
class CatalogColumn:
    """Where a column of a raw table is in a file.

    Attributes:
        names: The file's columns; values of several are joined by `;`.
        is_percent: Whether its numbers are percentages, as in `energy_%`; `%` is added to them.
        is_plural: Whether it may hold several values with `,`, as in `Artist Name(s)`; these become `;` where the
            file has no other column that shows how many they are.
    """

    names: tuple[str, ...]
    is_percent: bool = False
    is_plural: bool = False


@dataclass(frozen=True)
class CatalogRows:
    """Rows of a catalogue file.

    Attributes:
        tables: Raw tables that the file feeds.
        blocks: Of each of these tables the rows of a part of the file, in the order of the file, read lazily and once:
            `source_row` (0-based, without header and blank lines), the table's own columns as text (an empty value is
            null), and `problem`, why a row could not be split into columns; all others are null then.
    """

    tables: tuple[str, ...]
    blocks: Iterator[dict[str, pa.Table]]


def read_catalog(stream: BinaryIO) -> CatalogRows:
    """Find out which kinds of catalogue data a file holds, and read its rows.

    Text is UTF-8, UTF-16 with a byte order mark, or Latin-1, line by line. Columns are separated by `,`, `;`, tab or
    `|`, or as a first line `sep=` says.

    Args:
        stream: The file, at its start; seekable.

    Raises:
        NoCatalogError: The file is readable, and its header is none of a catalogue.
        UnreadableError: The file is no text. The blocks may raise it, too.
    """
    if stream.read(4) == b"PAR1":
        raise NoCatalogError("it is Parquet, and only CSV is read here")
    text = TextStream(stream)
    if require_text(text)[0] in "{[":
        raise NoCatalogError("it is JSON, and only CSV is read here")
    lines = read_line_blocks(text, decode_lines)
    first = next(lines)
    delimiters: Sequence[str] = DELIMITERS
    if told := csv.SEPARATOR_LINE.fullmatch(first[0].as_py()):
        first, delimiters = first.slice(1), told[1]
        first = first if len(first) else next(lines, first)
    header = first[0].as_py() if len(first) else ""
    for delimiter in delimiters:
        columns = csv.header_names(header, delimiter)
        if found := find_tables(columns):
            return CatalogRows(tuple(found), _blocks(chain([first.slice(1)], lines), columns, delimiter, found))
    raise NoCatalogError(_describe(header))


def _describe(header: str) -> str:
    for delimiter in DELIMITERS:
        if detect_format(csv.header_names(header, delimiter), is_flat=True):
            return IS_HISTORY + TO_HISTORY
    shown = escape_controls(header[:MAX_SHOWN_HEADER]) + ("..." if len(header) > MAX_SHOWN_HEADER else "")
    return f"its header is none of a catalogue: {shown}"


def find_tables(columns: Iterable[str]) -> dict[str, dict[str, CatalogColumn]]:
    """The raw tables that a file with these columns feeds, and where each of their columns is; empty for none."""
    fields = find_fields(columns)
    if _is_history(columns, fields):
        return {}
    has: Callable[[str], bool] = fields.__contains__
    has_features = len(TELLING_FEATURES & fields.keys()) > 1
    has_album = has("album_id") or has("album_name")
    names_track = has("track_id") or (has("track_name") and has("artist_names"))
    own = any(map(has, ("track_popularity", "explicit", "isrc", "track_genres")))
    # A file of albums may have a row for each of their tracks, and features are often apart from tracks.
    tells_track = has("track_name") and not has_album and (has_features or bool(_times(fields)))
    feeds = {
        "raw_catalog_artists": (has("artist_ids") or has("artist_names"))
        and any(map(has, ("artist_popularity", "artist_genres", "followers"))),
        "raw_catalog_albums": has_album
        and (has("track_id") or has("artist_names") or has("artist_ids") or len(OF_ALBUMS & fields.keys()) > 1),
        "raw_catalog_tracks": names_track and (own or tells_track),
        "raw_catalog_features": names_track and has_features,
    }
    return {table: _columns_of(table, fields) for table, is_fed in feeds.items() if is_fed}


def _times(fields: Mapping[str, CatalogColumn]) -> set[str]:
    return {"duration_ms", "duration_sec", "release_date", "release_year"} & fields.keys()


def _is_history(columns: Iterable[str], fields: Mapping[str, CatalogColumn]) -> bool:
    return not TELLING_FEATURES & fields.keys() and detect_format(columns, is_flat=True) is not None


def find_fields(columns: Iterable[str]) -> dict[str, CatalogColumn]:
    """Where each of the fields of `SYNONYMS` is in a file with these columns."""
    by_name: dict[str, str] = {}
    for column in columns:
        if plain := bare_name(column):
            by_name.setdefault(plain, column)
    fields: dict[str, CatalogColumn] = {}
    for field, places in SYNONYMS.items():
        for place in places:
            if present := [by_name[name] for name in place if name in by_name]:
                fields[field] = CatalogColumn(tuple(present), "%" in present[0], "(s)" in present[0].casefold())
                break
    if {"artist_ids", "artist_count"} & fields.keys() and "artist_names" in fields:
        fields["artist_names"] = replace(fields["artist_names"], is_plural=False)
    rows_are = _what_rows_are(fields, by_name)
    for name, field_of in OF_ROWS.items():
        if name in by_name and rows_are in field_of:
            fields.setdefault(field_of[rows_are], CatalogColumn((by_name[name],)))
    return fields


def _what_rows_are(fields: Mapping[str, CatalogColumn], by_name: Mapping[str, str]) -> str:
    """`track`, `album`, `artist`, or an empty text where the header shows nothing of these."""
    for what, telling in (("track", OF_TRACKS), ("album", OF_ALBUMS), ("artist", OF_ARTISTS)):
        if telling & fields.keys():
            return what
    return "artist" if {"name", "genres"} <= by_name.keys() else ""


def bare_name(column: str) -> str:
    """A column's name without case, blanks, punctuation and a plural in brackets."""
    return re.sub(r"[^0-9a-z]", "", column.casefold().replace("(s)", ""))


def _columns_of(table: str, fields: Mapping[str, CatalogColumn]) -> dict[str, CatalogColumn]:
    columns = {}
    for column in CATALOG_COLUMNS[table]:
        for field in FIELD_OF_COLUMN[table].get(column, (column,)):
            if field in fields:
                columns[column] = fields[field]
                break
    return columns


def _blocks(
    lines: Iterable[pa.Array], columns: list[str], delimiter: str, found: Mapping[str, Mapping[str, CatalogColumn]]
) -> Iterator[dict[str, pa.Table]]:
    places = {place for where in found.values() for place in where.values()}
    row = 0
    for block in lines:
        rows = len(block)
        split = csv.split_lines(block, columns, delimiter)
        problems = split["raw_record"] if "raw_record" in split.column_names else pa.nulls(rows, TEXT_TYPE)
        numbers = pa.array(np.arange(row, row + rows))
        values = {place: _values(split, place) for place in places}
        nothing = pa.nulls(rows, TEXT_TYPE)
        yield {
            table: pa.table(
                {
                    "source_row": numbers,
                    **{name: values[where[name]] if name in where else nothing for name in CATALOG_COLUMNS[table]},
                    "problem": problems,
                }
            )
            for table, where in found.items()
        }
        row += rows


def _values(split: pa.Table, place: CatalogColumn) -> pa.Array:
    """Values of a place in a file, trimmed; null where nothing is left."""
    parts = [pc.utf8_trim_whitespace(split[name].combine_chunks()) for name in place.names]
    values = parts[0]
    if len(parts) > 1:
        # `null_handling="skip"` drops rows of which all are null (pyarrow 26).
        joined = pc.binary_join_element_wise(*parts, ";", null_handling="replace", null_replacement="")
        values = pc.utf8_trim(pc.replace_substring_regex(joined, ";{2,}", ";"), ";")
    values = pc.if_else(pc.equal(pc.binary_length(values), 0), pa.scalar(None, TEXT_TYPE), values)
    if place.is_plural:
        # Exportify puts a backslash before a `,` that is part of a name.
        values = pc.replace_substring(values, "\\,", "\x1a")
        values = pc.replace_substring(pc.replace_substring_regex(values, r", ?", ";"), "\x1a", ",")
    if place.is_percent:
        values = pc.binary_join_element_wise(values, "%", "")
    # NFC, so that equal names get equal keys, as in listening history.
    return values if pc.all(pc.string_is_ascii(values)).as_py() else pc.utf8_normalize(values, "NFC")
