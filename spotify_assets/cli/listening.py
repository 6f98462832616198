"""What `top`, `stats` and `recap` print: charts, totals and records of a listener, from the metric tables."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import click
from rich.console import Console

from spotify_assets.cli.sql import run_query
from spotify_assets.cli.terminal import plain, print_rows
from spotify_assets.lake.tables import Lake

ENTITIES = ("artists", "tracks", "albums")
MS_PER_HOUR = 60 * 60 * 1000
RECAP_TOP = 5
# In this order, with what they are called; others of `records` aren't printed.
RECORD_NAMES = {
    "most_time_in_a_day": "most time in a day",
    "most_plays_in_a_day": "most plays in a day",
    "most_artists_in_a_day": "most artists in a day",
    "longest_session": "longest session",
    "longest_streak": "longest streak",
    "longest_gap": "longest gap",
    "most_plays_of_a_track_in_a_day": "most played track of a day",
    "most_plays_of_an_artist_in_a_day": "most played artist of a day",
    "longest_return_of_a_track": "longest return of a track",
    "most_skipped_artist": "most skipped artist",
}


def resolve_listener(lake: Lake, wanted: str | None, preferred: str) -> tuple[str, list[str]]:
    """The listener that a command is about, and the others.

    Args:
        lake: The lake.
        wanted: Who was asked for; None for `preferred` or, where that has no plays, the one with most listening time.
        preferred: `SPOTIFY_ASSETS_LISTENER`.

    Raises:
        click.ClickException: Nobody has plays, or the name is unknown.
    """
    found = _found(
        lake,
        "SELECT listener FROM period_listening WHERE period_type = 'all' ORDER BY ms_played DESC, listener",
    )
    names = [str(row["listener"]) for row in found]
    if not names:
        raise click.ClickException("there are no plays yet: spotify-assets import FILE, or spotify-assets demo")
    if wanted is not None and wanted not in names:
        raise click.ClickException(f"there is no listener {wanted!r}; there are {', '.join(sorted(names))}")
    chosen = wanted or (preferred if preferred in names else names[0])
    return chosen, sorted(name for name in names if name != chosen)


def print_top(console: Console, lake: Lake, entity: str, listener: str, *, year: int | None, limit: int) -> None:
    """Print the artists, tracks or albums with most listening time, of a year or of all time.

    Raises:
        click.ClickException: Nothing was heard in the year.
    """
    chart = top_rows(lake, entity, listener, year, limit)
    if not chart:
        raise click.ClickException(f"{listener} has no {entity}{f' in {year}' if year else ''}")
    named = entity != "artists"
    names = ["", entity.removesuffix("s"), *(["artist"] if named else []), "plays", "hours", "share"]
    rows = [
        (
            row["rank"],
            row["name"],
            *([row["artist_name"]] if named else []),
            row["plays"],
            _hours(row["ms_played"]),
            _percent(row["share"]),
            *([_move(row)] if year else []),
        )
        for row in chart
    ]
    title = f"Top {entity} of {listener}, {year or 'all time'}"
    print_rows(console, [*names, *(["since the year before"] if year else [])], rows, title=title)


def print_stats(console: Console, lake: Lake, listener: str) -> None:
    """Print totals, years and records of a listener."""
    periods = _periods(lake, listener)
    [total] = [row for row in periods if row["period_type"] == "all"]
    console.print(f"[bold]{plain(listener)}[/], since {total['period_start']}")
    facts = [
        ("hours", f"{_hours(total['ms_played']):,}"),
        ("plays", f"{total['plays']:,}"),
        ("days with a play", f"{total['active_days']:,} of {total['days']:,}"),
        ("tracks, artists, albums", f"{total['tracks']:,}, {total['artists']:,}, {total['albums']:,}"),
        ("sessions", f"{total['sessions']:,}"),
        ("skipped, shuffled", f"{_percent(total['skip_rate'])}, {_percent(total['shuffle_share'])}"),
        ("from 0:00 to 4:59", _percent(total["night_share"])),
        ("half of the time", f"{total['half_of_listening_artists'] or 0:,} artists"),
    ]
    print_rows(console, ("all time", ""), facts)
    console.print()
    years = sorted((row for row in periods if row["period_type"] == "year"), key=lambda row: row["period_start"])
    print_rows(
        console,
        ("year", "hours", "plays", "tracks", "artists", "new artists", "skipped"),
        [
            (
                str(row["period_start"].year),
                _hours(row["ms_played"]),
                row["plays"],
                row["tracks"],
                row["artists"],
                row["new_artists"],
                _percent(row["skip_rate"]),
            )
            for row in years
        ],
        is_report=True,
    )
    print_records(console, lake, listener)


def print_recap(console: Console, lake: Lake, listener: str, year: int) -> None:
    """Print a year: totals beside the year before, top five of each, the biggest day.

    Raises:
        click.ClickException: There is no play in the year.
    """
    periods = _periods(lake, listener)
    of_year = [row for row in periods if row["period_type"] == "year" and row["period_start"].year == year]
    if not of_year:
        years = sorted(str(row["period_start"].year) for row in periods if row["period_type"] == "year")
        raise click.ClickException(f"{listener} has no plays in {year}; there are {', '.join(years)}")
    [total] = of_year
    so_far = "" if total["is_complete"] else ", so far"
    console.print(f"[bold]{plain(listener)} in {year}[/]{so_far}")
    before = total["year_before_ms_played"]
    change = f" ({(total['ms_played'] - before) / before:+.0%} on the year before)" if before else ""
    days = [row for row in periods if row["period_type"] == "day" and row["period_start"].year == year]
    months = [row for row in periods if row["period_type"] == "month" and row["period_start"].year == year]
    facts = [
        ("hours", f"{_hours(total['ms_played']):,}{change}"),
        ("plays", f"{total['plays']:,}"),
        ("days with a play", f"{total['active_days']:,} of {total['days']:,}"),
        ("tracks", f"{total['tracks']:,}, {total['new_tracks']:,} of them new"),
        ("artists", f"{total['artists']:,}, {total['new_artists']:,} of them new"),
        ("biggest day", _most(days, "%Y-%m-%d")),
        ("biggest month", _most(months, "%Y-%m")),
        ("skipped, shuffled", f"{_percent(total['skip_rate'])}, {_percent(total['shuffle_share'])}"),
    ]
    print_rows(console, ("the year", ""), facts)
    for entity in ENTITIES:
        chart = top_rows(lake, entity, listener, year, RECAP_TOP)
        named = entity != "artists"
        console.print()
        print_rows(
            console,
            ("", f"top {entity}", *(["artist"] if named else []), "plays", "hours"),
            [
                (
                    row["rank"],
                    row["name"],
                    *([row["artist_name"]] if named else []),
                    row["plays"],
                    _hours(row["ms_played"]),
                )
                for row in chart
            ],
        )


def print_records(console: Console, lake: Lake, listener: str) -> None:
    """Print the records of a listener: what, how much, when."""
    found = {
        row["record"]: row for row in _found(lake, f"SELECT * FROM records WHERE listener = {_literal(listener)}")
    }
    rows = [
        (label, _measured(row["record_value"], row["unit"]), _of_what(row), row["happened_on"] or "")
        for record, label in RECORD_NAMES.items()
        if (row := found.get(record))
    ]
    if rows:
        console.print()
        print_rows(console, ("record", "", "what", "when"), rows)


def top_rows(lake: Lake, entity: str, listener: str, year: int | None, limit: int) -> list[dict[str, Any]]:
    """The first rows of a chart of `top_charts`, of a year or of all time."""
    period = f"period_type = 'year' AND year(period_start) = {year}" if year else "period_type = 'all'"
    return _found(
        lake,
        f"""
        SELECT * FROM top_charts
        WHERE listener = {_literal(listener)} AND entity_type = {_literal(entity.removesuffix("s"))} AND {period}
        ORDER BY rank LIMIT {limit}
        """,
    )


def _periods(lake: Lake, listener: str) -> list[dict[str, Any]]:
    return _found(lake, f"SELECT * FROM period_listening WHERE listener = {_literal(listener)}")


def _found(lake: Lake, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run_query(lake, sql).to_pylist()
    return rows


def _literal(value: str) -> str:
    """The value as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def _hours(ms: int) -> int:
    return round(ms / MS_PER_HOUR)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _move(row: dict[str, Any]) -> str:
    """How an entity moved since the chart before."""
    if row["rank_change"] is None:
        return "new" if row["is_new"] else "back"
    return f"{row['rank_change']:+d}" if row["rank_change"] else "="


def _most(periods: Sequence[dict[str, Any]], form: str) -> str:
    """The period with most listening time, the first of several."""
    most = max(periods, key=lambda row: (row["ms_played"], -row["period_start"].toordinal()))
    start: date = most["period_start"]
    return f"{start:{form}}, {most['ms_played'] / MS_PER_HOUR:.1f} hours"


def _measured(value: float, unit: str) -> str:
    """A record's value with its unit."""
    if unit == "ms":
        return f"{value / MS_PER_HOUR:.1f} hours"
    return f"{value:.0%}" if unit == "share" else f"{value:,.0f} {unit}"


def _of_what(row: dict[str, Any]) -> str:
    return " - ".join(part for part in (row["artist_name"], row["name"]) if part)
