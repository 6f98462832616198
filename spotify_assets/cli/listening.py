"""What `top`, `stats` and `recap` print: charts, totals and records of a listener, from the metric tables."""

from collections.abc import Sequence
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from spotify_assets.cli.sql import run_query
from spotify_assets.cli.terminal import plain, print_rows
from spotify_assets.lake.tables import Lake
from spotify_assets.model.genres import genre_label
from spotify_assets.model.recap import SPAN_YEARS, WRAPPED_END

ENTITIES = ("artists", "tracks", "albums")
MS_PER_MINUTE = 60 * 1000
MS_PER_HOUR = 60 * MS_PER_MINUTE
# In this order, with what they are called; others of `records` aren't printed.
RECORD_NAMES = {
    "most_time_in_a_day": "most time in a day",
    "most_plays_in_a_day": "most plays in a day",
    "most_artists_in_a_day": "most artists in a day",
    "longest_session": "longest session",
    "earliest_start": "earliest start of a session",
    "latest_start": "latest start of a session",
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


def recap_year(lake: Lake, listener: str, wanted: int | None) -> int:
    """The year of a recap: the one that is wanted, or the usual one.

    Raises:
        click.ClickException: There is no play in the year.
    """
    from spotify_assets.dashboard.recap.content import usual_year

    years = _found(lake, f"SELECT year, is_complete FROM yearly_recap WHERE listener = {_literal(listener)}")
    [last] = _found(lake, f"SELECT max(last_date) AS day FROM dim_listener WHERE listener = {_literal(listener)}")
    found = sorted(row["year"] for row in years)
    if not found:
        raise click.ClickException("there is no recap yet: spotify-assets sync")
    year = wanted or usual_year(years, last["day"] or date.max)
    if year is None or year not in found:
        raise click.ClickException(f"{listener} has no plays in {year}; there are {', '.join(map(str, found))}")
    return year


def write_recap(console: Console, lake: Lake, listener: str, year: int, html: Path | None, cards: Path | None) -> None:
    """Write a year with a play as an HTML file, as pictures, or both. Files at these paths are replaced.

    Raises:
        click.ClickException: A file can't be written.
    """
    from spotify_assets.dashboard.recap.cards import CARDS, SIZES, card_png, missing_fonts
    from spotify_assets.dashboard.recap.files import recap_html
    from spotify_assets.dashboard.recap.reports import lake_asks, lake_listeners, year_in_lake

    recap = year_in_lake(lake_asks(lake), lake_listeners(lake)[listener], year)
    assert recap is not None, "the year has a play"
    files: dict[Path, bytes] = {html: recap_html(recap).encode()} if html else {}
    for card in CARDS if cards else ():
        for name, size in SIZES.items():
            if cards and (png := card_png(recap, card, size)):
                files[cards / f"recap-{year}-{card.name}-{name}.png"] = png
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise click.ClickException(f"{path} can't be written: {(error.strerror or str(error)).lower()}") from None
        console.print(plain(str(path)), soft_wrap=True)
    if cards and (packages := missing_fonts(recap)):
        console.print(f"No font has some characters of the pictures: apt-get install {' '.join(packages)}")


def print_reports(console: Console, lake: Lake) -> None:
    """Write the reports of all listeners and years whose content changed, and print where they are."""
    from spotify_assets.dashboard.recap import reports

    done = reports.write_reports(lake, lambda report: console.print(plain(report.uri), soft_wrap=True))
    if not done.reports:
        raise click.ClickException("there is no recap yet: spotify-assets sync")
    same, removed = len(done.reports) - len(done.written), done.removed
    console.print(f"{len(done.written):,} reports written, {same:,} are as they were, {removed:,} removed.")


def print_recap(console: Console, lake: Lake, listener: str, year: int) -> None:
    """Print a year with a play: its figures, the top five, and those by Wrapped's rules where they differ."""
    [row] = _found(lake, f"SELECT * FROM yearly_recap WHERE listener = {_literal(listener)} AND year = {year}")
    so_far = "" if row["is_complete"] else ", so far"
    console.print(f"[bold]{plain(listener)} in {year}[/]{so_far}")
    facts = Table.grid(padding=(0, 2, 0, 0))
    for name, value in _recap_facts(row):
        if value:
            facts.add_row(name, plain(value))
    console.print(facts)
    differ = [_print_top_lists(console, row, entity) for entity in ENTITIES]
    if any(differ):
        month, day = WRAPPED_END
        console.print(
            f"\nBy Wrapped's rules, the number of plays counts, not their time: plays of more than 30 seconds, up to "
            f"{date(year, month, day):%-d %B}, without private sessions."
        )


def _recap_facts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a recap's figures; empty where one isn't known."""
    before = row["year_before_ms_played"]
    change = f" ({(row['ms_played'] - before) / before:+.0%} on the year before)" if before else ""
    kept = f": {', '.join(row['kept_artists'])}" if row["discoveries_kept"] else ""
    more = ", ..." if row["discoveries_kept"] > len(row["kept_artists"]) else ""
    span = row["listening_span_start"]
    return [
        ("hours", f"{_hours(row['ms_played']):,}{change}"),
        ("plays", f"{row['plays']:,}"),
        ("days with a play", f"{row['active_days']:,} of {row['days']:,}"),
        ("tracks", f"{row['tracks']:,}, {row['new_tracks']:,} of them new"),
        ("artists", f"{row['artists']:,}, {row['new_artists']:,} of them new"),
        ("new artists that stayed", f"{row['discoveries_kept']:,}{kept}{more}"),
        ("biggest day", _when_and_time(row, "biggest_day", "%Y-%m-%d")),
        ("biggest month", _when_and_time(row, "top_month", "%Y-%m")),
        (
            "longest streak",
            row["longest_streak_start"] and f"{row['longest_streak_days']:,} days, from {row['longest_streak_start']}",
        ),
        (
            "most obsessive week",
            row["obsessive_week_start"]
            and f"{row['obsessive_week_plays']:,} plays of {row['obsessive_week_artist']} - "
            f"{row['obsessive_week_track']}, from {row['obsessive_week_start']}",
        ),
        (
            "sessions",
            row["sessions"]
            and f"{row['sessions']:,} of {row['mean_session_ms'] / MS_PER_MINUTE:.0f} minutes on average, the longest "
            f"{row['longest_session_ms'] / MS_PER_HOUR:.1f} hours",
        ),
        (
            "top genre",
            row["top_genre"]
            and f"{genre_label(row['top_genre'])}, {_percent(row['top_genre_share'])}; the genre is known of "
            f"{_percent(row['genre_coverage'])} of the time",
        ),
        (
            "listening age",
            span
            and f"{row['listening_age']}, by music of {span} to {span + SPAN_YEARS - 1}; the year is known of "
            f"{_percent(row['release_coverage'])} of the time",
        ),
        (
            "most used device",
            row["top_platform_family"]
            and f"{row['top_platform_family']}, {_percent(row['top_platform_family_share'])} of the time",
        ),
        ("skipped, shuffled", f"{_percent(row['skip_rate'])}, {_percent(row['shuffle_share'])}"),
    ]


def _print_top_lists(console: Console, row: dict[str, Any], entity: str) -> bool:
    """Print the top of one kind of entity, by Wrapped's rules, too, where these give others; and whether they do."""
    ours, wrapped = row[f"ours_{entity}"], row[f"wrapped_{entity}"]
    if not ours and not wrapped:
        return False
    if entity != "artists":
        ours, wrapped = (
            [f"{by} - {name}" for name, by in zip(names, row[f"{whose}_{entity}_by"], strict=True)]
            for whose, names in (("ours", ours), ("wrapped", wrapped))
        )
    hours = [f"{_hours(int(ms)):,}" for ms in row[f"ours_{entity}_ms_played"]]
    columns, names = [ours, _grouped(row[f"ours_{entity}_plays"]), hours], [f"top {entity}", "plays", "hours"]
    differ = bool(wrapped != ours)
    if differ:
        columns += [wrapped, _grouped(row[f"wrapped_{entity}_plays"])]
        names += ["by Wrapped's rules", "plays"]
    # Names are folded where the terminal is too narrow for both lists: `print_rows` would print a line for each value.
    lists = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", border_style="dim")
    for name in ("", *names):
        lists.add_column(name, justify="right" if name in ("", "plays", "hours") else "left", overflow="fold")
    places = range(1, max(len(ours), len(wrapped)) + 1)
    for cells in zip_longest(places, *columns, fillvalue=""):
        lists.add_row(*map(plain, cells))
    console.print()
    console.print(lists)
    return differ


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
    return run_query(lake, sql).dicts


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


def _grouped(numbers: Sequence[str]) -> list[str]:
    """Whole numbers with thousands separators."""
    return [f"{int(number):,}" for number in numbers]


def _when_and_time(row: dict[str, Any], name: str, form: str) -> str:
    """A day or month with its listening time; empty where there is none."""
    start: date | None = row[name]
    return f"{start:{form}}, {row[f'{name}_ms_played'] / MS_PER_HOUR:.1f} hours" if start else ""


def _measured(value: float, unit: str) -> str:
    """A record's value with its unit."""
    if unit == "ms":
        return f"{value / MS_PER_HOUR:.1f} hours"
    if unit == "minutes":
        return f"{value // 60:.0f}:{value % 60:02.0f}"
    return f"{value:.0%}" if unit == "share" else f"{value:,.0f} {unit}"


def _of_what(row: dict[str, Any]) -> str:
    return " - ".join(part for part in (row["artist_name"], row["name"]) if part)
