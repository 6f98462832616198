"""Rows of a block as files: CSV, and tracks as M3U or as a list of URIs."""

import csv
import io
from datetime import date, datetime
from typing import Any

from spotify_assets.dashboard.queries import Rows
from spotify_assets.escaping import escape_controls, neutralize_formula

TRACK_URI = "spotify:track:"
OPEN_TRACK = "https://open.spotify.com/track/"


def csv_of(rows: Rows) -> str:
    """All columns, also those that the page doesn't show. Text that a spreadsheet would run is prefixed with `'`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(rows[0] if rows else ["empty"])
    writer.writerows([_csv_value(value) for value in row.values()] for row in rows)
    return file.getvalue()


def m3u_of(rows: Rows) -> str:
    """Extended M3U: name and Spotify's address of each track that has an id."""
    lines = ["#EXTM3U"]
    for row in _with_uri(rows):
        seconds = round((row.get("duration_ms") or -1000) / 1000)
        name = escape_controls(f"{row.get('artist') or ''} - {row.get('track') or ''}")
        lines += [f"#EXTINF:{seconds},{name}", OPEN_TRACK + row["track_uri"].removeprefix(TRACK_URI)]
    return "\n".join(lines) + "\n"


def uris_of(rows: Rows) -> str:
    """One Spotify URI a line, as Spotify's desktop app takes them from the clipboard."""
    return "".join(f"{row['track_uri']}\n" for row in _with_uri(rows))


def _with_uri(rows: Rows) -> Rows:
    return [row for row in rows if (row.get("track_uri") or "").startswith(TRACK_URI)]


def _csv_value(value: Any) -> Any:
    match value:
        case str():
            return neutralize_formula(value)
        case list():
            return neutralize_formula("; ".join(map(str, value)))
        case datetime() | date():
            return value.isoformat()
    return value
