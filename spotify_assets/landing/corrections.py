"""Lines of `merges.csv`, `exclusions.csv` and `genres.csv` in `overrides`. A bad line is told and skipped."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from spotify_assets.landing.overrides import DATE_ORDER_FILE, OVERRIDES, OverrideProblem, override_rows
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.model.columns import LABEL_LENGTH
from spotify_assets.model.raw import EVERY_LISTENER, EXCLUDED_KINDS, MERGE_KINDS

MERGES_FILE = f"{OVERRIDES}/merges.csv"
EXCLUSIONS_FILE = f"{OVERRIDES}/exclusions.csv"
GENRES_FILE = f"{OVERRIDES}/genres.csv"
KNOWN_FILES = (DATE_ORDER_FILE, EXCLUSIONS_FILE, GENRES_FILE, MERGES_FILE)
MERGES_HEADER = ("kind", "from", "into")
EXCLUSIONS_HEADER = ("listener", "what", "value", "from", "until", "note")
GENRES_HEADER = ("artist", "genre")
# Between genres of a line.
GENRE_SEPARATORS = re.compile("[,;]")
# Between artist and title, in the name of a recording or album.
NAME_SEPARATOR = " - "
ID_IN_URI = re.compile(r"(?:spotify:|https?://open[.]spotify[.]com/(?:[a-z-]+/)?)(\w+)[:/]([0-9A-Za-z]{22})(?:[?].*)?")
BARE_ID = re.compile(r"[0-9A-Za-z]{22}")
# Type in a URI of what is merged or excluded.
URI_TYPES = {"recording": "track", "track": "track", "artist": "artist", "album": "album"}


class BadLineError(ValueError):
    """A line of overrides can't be used; the message says why."""


def merge_row(line: dict[str, str]) -> dict[str, Any]:
    """The row of `raw_merges` for a line's text by column.

    Raises:
        BadLineError: The line can't be used.
    """
    kind = _one_of(MERGE_KINDS, line, "kind")
    ends = [_name_or_id(kind, line[column], column) for column in ("from", "into")]
    if kind != "artist":
        for end, column in zip(ends, ("from", "into"), strict=True):
            if not BARE_ID.fullmatch(end) and NAME_SEPARATOR not in end:
                raise BadLineError(f"expected an id, a link or 'Artist - Title' as {column}, got {end!r}")
    if ends[0].lower() == ends[1].lower():
        raise BadLineError("merges a name with itself")
    return _with_id("merge_id", {"kind": kind, "merged_from": ends[0], "merged_into": ends[1]})


def exclusion_row(line: dict[str, str]) -> dict[str, Any]:
    """The row of `raw_exclusions` for a line's text by column; listener, from, until and note may be missing.

    Raises:
        BadLineError: The line can't be used.
    """
    what = _one_of(EXCLUDED_KINDS, line, "what")
    start, end = (_time(line.get(column, ""), column) for column in ("from", "until"))
    if start and end and start >= end:
        raise BadLineError(f"from {line['from']} is not before until {line['until']}")
    if what == "period":
        if not start and not end:
            raise BadLineError("a period needs from or until")
        value = ""
    else:
        value = _name_or_id(what, line["value"], "value")
    if what in ("artist", "album") and ID_IN_URI.fullmatch(line["value"]):
        raise BadLineError(f"an {what} is excluded by name: plays have no id of it")
    listener = unicodedata.normalize("NFC", line.get("listener", "")) or EVERY_LISTENER
    of_time = {"excluded_from": start, "excluded_until": end}
    return _with_id("exclusion_id", {"listener": listener, "what": what, "value": value} | of_time)


def genre_row(line: dict[str, str]) -> dict[str, Any]:
    """The row of `raw_genre_overrides` for a line's text by column, without its position.

    Raises:
        BadLineError: The line can't be used.
    """
    written = (genre.strip() for genre in GENRE_SEPARATORS.split(unicodedata.normalize("NFC", line["genre"])))
    genres = [genre for genre in written if genre]
    if not genres:
        raise BadLineError("has no genre")
    if too_long := next((genre for genre in genres if len(genre) > LABEL_LENGTH), None):
        raise BadLineError(f"expected a genre of at most {LABEL_LENGTH} characters, got {too_long[:40]!r}...")
    return _with_id("genre_override_id", {"artist": _name_or_id("artist", line["artist"], "artist"), "genres": genres})


def _one_of(accepted: Sequence[str], line: dict[str, str], column: str) -> str:
    """The line's text, in lower case, which is one of these."""
    if (text := line[column].lower()) not in accepted:
        raise BadLineError(f"expected {', '.join(accepted[:-1])} or {accepted[-1]} as {column}, got {line[column]!r}")
    return text


def _name_or_id(kind: str, text: str, column: str) -> str:
    """The id in a URI or link, else the name, in Unicode's NFC as names of plays are."""
    if not text:
        raise BadLineError(f"has no {column}")
    found = ID_IN_URI.fullmatch(text)
    if not found:
        return unicodedata.normalize("NFC", text)
    if found[1] != URI_TYPES.get(kind):
        raise BadLineError(f"expected the link of one {kind} as {column}, got that of one {found[1]}")
    return found[2]


def _time(text: str, column: str) -> datetime | None:
    """A time (UTC where it has no offset); a day as `until` is included. None for empty text."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        is_day = "T" not in text and ":" not in text
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC) + timedelta(days=is_day and column == "until")
    except (ValueError, OverflowError):
        raise BadLineError(f"expected a day as 2024-12-31, or a time, as {column}, got {text!r}") from None


def _with_id(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {name: hashlib.sha256(repr(row).encode()).hexdigest()} | row


# File, columns that it must have, and rows by table.
CORRECTIONS: dict[str, tuple[str, tuple[str, ...], Callable[[dict[str, str]], dict[str, Any]]]] = {
    "raw_merges": (MERGES_FILE, MERGES_HEADER, merge_row),
    "raw_exclusions": (EXCLUSIONS_FILE, ("what", "value"), exclusion_row),
    "raw_genre_overrides": (GENRES_FILE, GENRES_HEADER, genre_row),
}


def correction_lines(
    landing: LandingZone, table: str, problems: list[OverrideProblem]
) -> Iterator[tuple[int, dict[str, str], dict[str, Any]]]:
    """Number, text by column, and row of each line that can be used; others are added to `problems`.

    Args:
        landing: The landing zone.
        table: One of `CORRECTIONS`.
        problems: Output.

    Raises:
        StorageError: The file can't be read now.
    """
    path, columns, shape = CORRECTIONS[table]
    for number, line in override_rows(landing, path, columns, problems):
        try:
            yield number, line, shape(line)
        except BadLineError as error:
            problems.append(OverrideProblem(path, f"line {number}: {error}"))


def correction_rows(landing: LandingZone, table: str) -> list[dict[str, Any]]:
    """Different rows of a table of `CORRECTIONS`, as the landed file has them now, in order of their ids.

    Comments, notes, and the order of lines don't change them. Where the table has a position, they are in the order of
    lines.

    Raises:
        StorageError: The file can't be read now.
    """
    rows = {next(iter(row.values())): row for _, _, row in correction_lines(landing, table, [])}
    return [rows[key] for key in (rows if "position" in TABLES[table].columns else sorted(rows))]


def correction_problems(landing: LandingZone) -> list[OverrideProblem]:
    """Lines and files of `CORRECTIONS` that are skipped."""
    problems: list[OverrideProblem] = []
    for table in CORRECTIONS:
        for _ in correction_lines(landing, table, problems):
            pass
    return problems


def unknown_overrides(landing: LandingZone) -> dict[str, str]:
    """Paths below `overrides` that are never read, with the reason; hidden and partial files are left out."""
    names = ", ".join(path.rpartition("/")[2] for path in KNOWN_FILES)
    found = sorted(file.path for file in landing.captures(OVERRIDES) if file.path not in KNOWN_FILES)
    return dict.fromkeys(found, f"files of overrides are called {names}")
