"""Commands `merge`, `exclude` and `overrides`: write, check and list lines of overrides."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from spotify_assets.cli.override_effects import Effect, effects
from spotify_assets.cli.sql import run_query
from spotify_assets.cli.terminal import plain
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import CORRECTIONS, EXCLUSIONS_FILE, BadLineError, correction_lines
from spotify_assets.landing.overrides import DATE_ORDER_FILE, UNCLOSED, OverrideProblem, find_header, overrides_text
from spotify_assets.landing.zone import HISTORY, LandingZone
from spotify_assets.readers.errors import UnreadableError

EXCLUDED = "SELECT count(*) AS excluded FROM rejected_plays WHERE reason = 'excluded'"


def append_lines(
    landing: LandingZone, table: str, header: Sequence[str], lines: Sequence[dict[str, str]]
) -> tuple[str, int]:
    """Append lines to the file of a table of `CORRECTIONS`; return its path, and how many were new.

    The file keeps all that a person wrote: lines are added in the order of its own header, with its separator and line
    breaks. It is replaced in one step. Lines that it has already, whatever their note, are not added again.

    Args:
        landing: The landing zone.
        table: The table.
        header: Header of a new file.
        lines: Text by column.

    Raises:
        BadLineError: A line can't be used, or the file has no such header; nothing is written.
    """
    path, needed, shape = CORRECTIONS[table]
    problems: list[OverrideProblem] = []
    present = {next(iter(row.values())) for _, _, row in correction_lines(landing, table, problems)}
    if unclosed := next((problem for problem in problems if problem.reason.endswith(UNCLOSED)), None):
        raise BadLineError(f"{path}, {unclosed.reason}; correct it")
    new = {next(iter(shape(line).values())): line for line in lines}
    added = [line for key, line in new.items() if key not in present]
    text = _text_of(landing, path)
    columns, delimiter = find_header(text, needed) if text else (list(header), ",")
    if not columns:
        raise BadLineError(f"the first line of {path} is not the header {','.join(header)}; correct it")
    if lacking := sorted({name for line in added for name, value in line.items() if value} - set(columns)):
        raise BadLineError(f"{path} has no column {lacking[0]}; add it to the first line")
    end = "\r\n" if "\r\n" in text else "\n"
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end)
    if not text:
        writer.writerow(columns)
    writer.writerows([line.get(name, "") for name in columns] for line in added)
    if added:
        separated = text if not text or text.endswith(("\n", "\r")) else text + end
        landing.land(path, (separated + written.getvalue()).encode())
    return path, len(added)


def remove_lines_about(landing: LandingZone, listener: str) -> dict[str, int]:
    """Remove the lines of exclusions and orders of dates that name a listener or their files: how many, by path.

    All other lines stay as they are written.

    Raises:
        BadLineError: A file can't be used.
    """
    removed: dict[str, int] = {}
    listener = unicodedata.normalize("NFC", listener)
    for path, needed in ((EXCLUSIONS_FILE, ("what", "value")), (DATE_ORDER_FILE, ("source_file", "order"))):
        text = _text_of(landing, path)
        columns, delimiter = find_header(text, needed)
        if not columns:
            continue
        lines = list(io.StringIO(text, newline=""))
        reader = csv.reader(lines, delimiter=delimiter)
        next(reader)
        kept, begin = lines[: reader.line_num], reader.line_num
        for values in _rows_of(reader, path):
            row = {
                name: unicodedata.normalize("NFC", value.strip()) for name, value in zip(columns, values, strict=False)
            }
            files = (row.get("value", ""), row.get("source_file", ""))
            if row.get("listener") == listener or any(file.startswith(f"{HISTORY}/{listener}/") for file in files):
                removed[path] = removed.get(path, 0) + 1
            else:
                kept += lines[begin : reader.line_num]
            begin = reader.line_num
        if path in removed:
            landing.land(path, "".join(kept).encode())
    return removed


def _rows_of(reader: Iterator[list[str]], path: str) -> Iterator[list[str]]:
    """Rows that are left.

    Raises:
        BadLineError: One can't be split.
    """
    try:
        yield from reader
    except csv.Error as error:
        raise BadLineError(f"{path} can't be used: {error}; close the quote that begins there") from None


def _text_of(landing: LandingZone, path: str) -> str:
    """The file's text; empty where there is none."""
    try:
        return overrides_text(landing, path) or ""
    except UnreadableError as error:
        raise BadLineError(f"{path} can't be used: {error}; correct it") from None


def lines_of_playlist(lake: Lake, playlist: str) -> list[dict[str, str]]:
    """A line of exclusions for each track of a playlist's latest snapshot in the lake; none if it has no snapshot."""
    quoted = "'" + playlist.replace("'", "''") + "'"
    tracks = run_query(
        lake,
        f"""
        SELECT DISTINCT track_key, artist_name || ' - ' || track_name AS name FROM playlist_tracks
        WHERE playlist_id = {quoted} AND track_key IS NOT NULL AND snapshot_date =
            (SELECT max(snapshot_date) FROM playlist_tracks WHERE playlist_id = {quoted})
        ORDER BY name, track_key
        """,
    ).dicts
    return [
        {"what": "track", "value": row["name"] if row["track_key"].startswith("name:") else row["track_key"],
         "note": f"{row['name']}, of playlist {playlist}"}
        for row in tracks
        if row["name"] or not row["track_key"].startswith("name:")
    ]  # fmt: skip


@dataclass(frozen=True)
class OverrideLine:
    """A line of overrides that can be used: its file, its number in it, and its row in a table of `CORRECTIONS`."""

    path: str
    number: int
    row: dict[str, Any]

    @property
    def line_id(self) -> str:
        """The primary key of its row; the same for two lines that say the same."""
        id_: str = next(iter(self.row.values()))
        return id_

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}: {_describe_line(self.row)}"


def usable_lines(landing: LandingZone, problems: list[OverrideProblem]) -> list[OverrideLine]:
    """Lines that can be used, by file and number; others are added to `problems`."""
    return [
        OverrideLine(path, number, row)
        for table, (path, _, _) in CORRECTIONS.items()
        for number, _, row in correction_lines(landing, table, problems)
    ]


def print_overrides(console: Console, landing: LandingZone, lake: Lake) -> None:
    """Print each line of overrides with what it concerns, those that are skipped, and how many there are.

    Raises:
        DamagedTableError: A table of the lake is damaged; the lines are printed before, without what they concern.
        StorageError: The landing zone or the lake can't be reached.
    """
    problems: list[OverrideProblem] = []
    lines = usable_lines(landing, problems)
    damage, found, excluded = None, dict[str, Effect](), 0
    try:
        found = effects(lake, [line.row for line in lines])
        [(excluded,)] = run_query(lake, EXCLUDED).rows
    except DamagedTableError as error:
        damage = error
    # Of rich, a line at a time takes 10 times as long as one text.
    console.print(
        "\n".join(
            [
                *[plain(line) + ("" if damage else _describe_effect(found.get(line.line_id))) for line in lines],
                *[f"[yellow]![/] {plain(problem.path)}: {plain(problem.reason)}" for problem in problems],
            ]
        ),
        soft_wrap=True,
        end="\n" if lines or problems else "",
    )
    if damage:
        raise damage
    idle = sum(not effect.matches for effect in found.values())
    plays = sum(effect.counts[0][0] for effect in found.values() if effect.counts[0][1] == "play")
    console.print(
        f"{_how_many(len(lines), 'line')} in use, {len(problems):,} skipped"
        + (f", {idle:,} {'match' if idle > 1 else 'matches'} nothing" if idle else "")
        + f"; the last sync excluded {_how_many(excluded, 'play')}."
        + (" A play counts for each line that matches it." if plays > excluded else ""),
        soft_wrap=True,
    )


def _describe_effect(effect: Effect | None) -> str:
    """The effect after a line, as markup; None for a line that no sync has applied."""
    if effect is None:
        return " [yellow](not synced yet)[/]"
    return f" ({effect})" if effect.matches else f" [yellow]({effect})[/]"


def _how_many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _describe_line(row: dict[str, Any]) -> str:
    if "genres" in row:
        return f"genres of artist {row['artist']}: {', '.join(row['genres'])}"
    if "kind" in row:
        return f"{row['kind']} {row['merged_from']} is counted under {row['merged_into']}"
    who = "" if row["listener"] == "*" else f" of {row['listener']}"
    start, end = row["excluded_from"], row["excluded_until"]
    since = f" from {start:%Y-%m-%d %H:%M}" if start else ""
    until = f" before {end:%Y-%m-%d %H:%M}" if end else ""
    return f"excluded: {row['what']} {row['value']}{who}{since}{until}".replace("  ", " ")
