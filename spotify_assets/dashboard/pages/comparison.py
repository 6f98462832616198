"""Compare: two periods, two listeners or two artists side by side."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.filters import RANGE, Filters, describe_days, parse_day
from spotify_assets.dashboard.formats import MS_PER_HOUR, write_hours, write_share
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Rows
from spotify_assets.dashboard.sources import heard_plays, heard_tracks, totals_sql

MODES = {"periods": "Two periods", "listeners": "Two listeners", "artists": "Two artists"}
MEASURES = ("ms_played", "plays", "active_days", "tracks", "artists", "albums", "skip_rate", "shuffle_rate")
# Of those whose name doesn't say it.
LABELS = {
    "ms_played": "hours",
    "active_days": "days with a play",
    "skip_rate": "% skipped",
    "shuffle_rate": "% on shuffle",
}
TOP_ARTISTS = """
    SELECT artist_key, artist_name AS artist FROM artist_metrics WHERE listener = $listener ORDER BY rank LIMIT 12
"""
ONE_ARTIST = """
    SELECT artist_name AS artist FROM artist_metrics WHERE listener = $listener AND artist_key = $key
"""


def compare_page(view: View) -> Page:
    """Figures, artists and months of two sides, a and b."""
    mode = view.asked.get("mode", "periods")
    mode = mode if mode in MODES else "periods"
    modes = [(label, view.to("/compare", mode=one), one == mode) for one, label in MODES.items()]
    if mode == "artists":
        return _two_artists(view, modes)
    if mode == "listeners":
        others = [name for name in view.listeners if name != view.filters.listener.name]
        if not others:
            return Page("Compare", lead="There is one listener only.", choices=[("Compare", modes)])
        other = view.asked.get("with", others[0])
        other = other if other in others else others[0]
        second = replace(view.filters, listener=view.listeners[other])
        if view.filters.period == "all":
            second = replace(second, start=second.listener.first, end=second.listener.last)
        names = (view.filters.listener.name, other)
        choices = [
            ("With", [(name, view.to("/compare", mode=mode, **{"with": name}), name == other) for name in others])
        ]
        return _sides(view, view.filters, second, names, [("Compare", modes), *choices])
    return _two_spans(view, modes)


def _two_spans(view: View, modes: Sequence[tuple[str, str, bool]]) -> Page:
    """Two spans of days, `a` and `b` in the query string: years, which the page offers, or what is typed."""
    filters = view.filters
    years = list(range(filters.listener.last.year, filters.listener.first.year - 1, -1))
    last = filters.end.year if filters.end.year in years else years[0]
    usual_first, usual_second = _year(last), None
    if len(years) == 1 and not view.asked.get("a"):
        # There is no other year to compare with.
        usual_first = _month_of(filters.end)
        usual_second = _month_of(usual_first[0] - timedelta(days=1))
    first = parse_span(view.asked.get("a")) or usual_first
    before = usual_second or _year(max(min(first[0].year, years[0] + 1) - 1, years[-1]))
    second = parse_span(view.asked.get("b")) or before
    a, b = _write_span(*first), _write_span(*second)
    choices = [
        ("Compare", modes),
        ("Year", [(str(year), view.to("/compare", a=year, b=b), _year(year) == first) for year in years]),
        ("With", [(str(year), view.to("/compare", a=a, b=year), _year(year) == second) for year in years]),
    ]
    sides = [replace(filters, period=RANGE, start=start, end=end) for start, end in (first, second)]
    page = _sides(view, sides[0], sides[1], (describe_days(*first), describe_days(*second)), choices)
    hint = "Side by side, with the same filters. A year, a month as 2024-06, or days as 2024-06-01..2024-08-31."
    return replace(page, has_period=False, lead=hint, inputs=[("Days", "a", a), ("with", "b", b)])


def parse_span(text: str | None) -> tuple[date, date] | None:
    """First and last day of a year (2024), a month (2024-06) or a span of days (2024-06-01..2024-08-31).

    None for anything else.
    """
    first, separator, last = (text or "").strip().partition("..")
    start, end = _first_and_last(first.strip()), _first_and_last((last if separator else first).strip())
    return (min(start[0], end[0]), max(start[1], end[1])) if start and end else None


def _first_and_last(text: str) -> tuple[date, date] | None:
    """First and last day of a year, a month or a day."""
    start = parse_day((text + "-01-01")[: len("2024-01-01")])
    if start is None or len(text) not in (len("2024"), len("2024-01"), len("2024-01-01")):
        return None
    return {4: _year(start.year), 7: _month_of(start)}.get(len(text), (start, start))


def _year(year: int) -> tuple[date, date]:
    return date(year, 1, 1), date(year, 12, 31)


def _month_of(day: date) -> tuple[date, date]:
    """First and last day of a day's month."""
    start = day.replace(day=1)
    return start, (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _write_span(start: date, end: date) -> str:
    """As `parse_span` reads it."""
    if (start, end) == _year(start.year):
        return str(start.year)
    if _first_and_last(f"{start:%Y-%m}") == (start, end):
        return f"{start:%Y-%m}"
    return f"{start:%Y-%m-%d}..{end:%Y-%m-%d}" if start != end else f"{start:%Y-%m-%d}"


def _sides(
    view: View,
    a: Filters,
    b: Filters,
    names: tuple[str, str],
    choices: Sequence[tuple[str, Sequence[tuple[str, str, bool]]]],
) -> Page:
    values = {
        "listener_b": b.listener.name,
        "start_b": b.start,
        "end_b": b.end,
        "name_a": names[0],
        "name_b": names[1],
    }
    here = {"listener": a.listener.name, "start": a.start, "end": a.end, "zone": a.listener.timezone}

    def of_b(sql: str) -> str:
        return sql.replace("$listener", "$listener_b").replace("$start", "$start_b").replace("$end", "$end_b")

    measures = ", ".join(
        f"('{LABELS.get(name, name)}', a.{name}{_factor(name)}, b.{name}{_factor(name)})" for name in MEASURES
    )
    figures = f"""
    WITH a AS ({totals_sql(a).strip()}),
    b AS ({of_b(totals_sql(b).strip())})
    SELECT measure, side_a, side_b, side_a - side_b AS difference
    FROM a, b, LATERAL (VALUES {measures}) AS sides(measure, side_a, side_b)
    """
    shares = """
    SELECT artist_key, sum(ms_played) AS ms_played, sum(ms_played) / nullif(sum(sum(ms_played)) OVER (), 0) AS share
        FROM tracks WHERE artist_key <> -1 GROUP BY artist_key"""
    artists = f"""
    WITH a AS (WITH {heard_tracks(a, by=["artist_key"]).strip()} {shares}
    ),
    b AS (WITH {of_b(heard_tracks(b, by=["artist_key"]).strip())} {shares}
    )
    SELECT artist_name AS artist, coalesce(a.share, 0) AS share_a, coalesce(b.share, 0) AS share_b,
        coalesce(a.share, 0) - coalesce(b.share, 0) AS difference, artist_key, image_url
    FROM a FULL JOIN b USING (artist_key) JOIN dim_artist USING (artist_key)
    ORDER BY greatest(share_a, share_b) DESC, artist_key LIMIT 100
    """
    months = f"""
    WITH a AS (WITH {heard_plays(a).strip()} SELECT month(date) AS month, sum(ms_played) AS ms_played
        FROM heard GROUP BY 1),
    b AS (WITH {of_b(heard_plays(b).strip())} SELECT month(date) AS month, sum(ms_played) AS ms_played
        FROM heard GROUP BY 1)
    SELECT month, side, ms_played / 3600000 AS hours FROM (
        SELECT month, $name_a AS side, ms_played FROM a UNION ALL SELECT month, $name_b, ms_played FROM b
    ) ORDER BY month, side
    """
    link = view.link("/artist", "artist_key")
    return Page(
        f"{names[0]} and {names[1]}",
        [
            Block(
                "figures",
                view.query(figures, **here, **values),
                lambda rows: _figures_title(rows, names),
                [
                    Column("measure", "What"),
                    Column("side_a", names[0], "amount"),
                    Column("side_b", names[1], "amount"),
                    Column("difference", "Difference", "signed"),
                ],
                empty="One of the two has no plays.",
            ),
            Block(
                "artists",
                view.query(artists, **here, **values),
                lambda rows: _artists_title(rows, names),
                [
                    Column("artist", "Artist", link=link),
                    Column("share_a", names[0], "share", bar=True),
                    Column("share_b", names[1], "share", bar=True),
                ],
                note="Share of each side's music, the largest first.",
                pictures=True,
                shown=20,
                empty="No music was heard.",
            ),
            Block(
                "months",
                view.query(months, **here, **values),
                _best_month_title,
                [Column("month", "Month of the year"), Column("side", "Side"), Column("hours", "Hours", "decimal")],
                chart=lambda rows: charts.lines_chart(
                    "month",
                    "hours",
                    x_title="month of the year",
                    y_title="hours",
                    color="side",
                    names=list(names),
                    dots=True,
                ),
                note="Hours by month of the year.",
                shown=24,
            ),
        ],
        choices=choices,
        lead="Side by side, with the same filters.",
    )


def _two_artists(view: View, modes: Sequence[tuple[str, str, bool]]) -> Page:
    """Two artists of the listener, `a` and `b` by key; the page offers the top twelve."""
    tops = view.rows(TOP_ARTISTS)
    if len(tops) < 2:
        return Page("Compare", lead="There are fewer than two artists.", choices=[("Compare", modes)])
    named = {str(row["artist_key"]): row["artist"] for row in tops}
    for side in ("a", "b"):
        asked = view.asked.get(side, "")
        if parts.key_in(asked) is not None and asked not in named:
            for row in view.rows(ONE_ARTIST, key=parts.key_in(asked)):
                named[asked] = row["artist"]
    keys = list(named)
    first = view.asked.get("a", "") if view.asked.get("a", "") in named else keys[0]
    second = view.asked.get("b", "") if view.asked.get("b", "") in named else next(key for key in keys if key != first)
    choices = [
        ("Compare", modes),
        (
            "Artist",
            [
                (name, view.to("/compare", mode="artists", a=key, b=second), key == first)
                for key, name in named.items()
            ],
        ),
        (
            "With",
            [
                (name, view.to("/compare", mode="artists", a=first, b=key), key == second)
                for key, name in named.items()
            ],
        ),
    ]
    values = {"a": int(first), "b": int(second)}
    sql = f"""
    WITH {heard_tracks(view.filters, by=["date", "artist_key", "recording_key"]).strip()}
    SELECT year(date)::VARCHAR AS year, artist_name AS artist, sum(ms_played) / 3600000 AS hours,
        sum(plays)::BIGINT AS plays,
        count(DISTINCT recording_key) AS tracks, sum(skips) / nullif(sum(skips_known), 0) AS skip_rate, artist_key
    FROM tracks JOIN dim_artist USING (artist_key) WHERE artist_key IN ($a, $b)
    GROUP BY year, artist_name, artist_key ORDER BY year, artist_key <> $a
    """
    totals = f"""
    WITH {heard_tracks(view.filters, by=["date", "artist_key", "recording_key"]).strip()}
    SELECT artist_name AS artist, sum(ms_played)::BIGINT AS ms_played, sum(plays)::BIGINT AS plays,
        count(DISTINCT recording_key) AS tracks, count(DISTINCT date) AS days, min(date) AS first_heard,
        max(date) AS last_heard, sum(skips) / nullif(sum(skips_known), 0) AS skip_rate, artist_key, image_url
    FROM tracks JOIN dim_artist USING (artist_key) WHERE artist_key IN ($a, $b)
    GROUP BY artist_name, artist_key, image_url ORDER BY artist_key <> $a
    """
    names = [named[first], named[second]]
    return Page(
        " and ".join(names),
        [
            Block(
                "figures",
                view.query(totals, **values),
                _two_artists_title,
                [
                    Column("artist", "Artist", link=view.link("/artist", "artist_key")),
                    Column("ms_played", "Time", "hours", bar=True),
                    Column("plays", "Plays", "count"),
                    Column("tracks", "Tracks", "count"),
                    Column("days", "Days", "count"),
                    Column("first_heard", "First heard", "day"),
                    Column("last_heard", "Last heard", "day"),
                    Column("skip_rate", "Skipped", "share"),
                ],
                pictures=True,
            ),
            Block(
                "years",
                view.query(sql, **values),
                _best_year_title,
                [
                    Column("year", "Year"),
                    Column("artist", "Artist"),
                    Column("hours", "Hours", "decimal"),
                    Column("plays", "Plays", "count"),
                    Column("tracks", "Tracks", "count"),
                ],
                chart=lambda rows: charts.lines_chart(
                    "year", "hours", x_title="year", y_title="hours", color="artist", names=names, dots=True
                ),
                note="Hours by year.",
                shown=60,
            ),
        ],
        choices=choices,
        lead="Choose two of your top twelve; an artist's own page leads here, too.",
    )


def _factor(name: str) -> str:
    return " / 3600000" if name == "ms_played" else " * 100" if name.endswith("_rate") else ""


def _figures_title(rows: Rows, names: tuple[str, str]) -> str:
    hours = next(row for row in rows if row["measure"] == "hours")
    if not hours["difference"]:
        return f"Both have {write_hours(hours['side_a'] * MS_PER_HOUR)}"
    more = names[0] if hours["difference"] > 0 else names[1]
    return f"{more} has {write_hours(abs(hours['difference']) * MS_PER_HOUR)} more"


def _artists_title(rows: Rows, names: tuple[str, str]) -> str:
    if all(not row["difference"] for row in rows):
        return f"{rows[0]['artist']} leads on both sides"
    widest = max(rows, key=lambda row: abs(row["difference"]))
    shares = [
        f"{write_share(widest[side])} of {name}" for side, name in zip(("share_a", "share_b"), names, strict=True)
    ]
    return f"{widest['artist']} tells them apart most: {', '.join(shares)}"


def _best_month_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["hours"])
    hours = write_hours(most["hours"] * MS_PER_HOUR)
    return f"{most['side']} was strongest in {date(2000, most['month'], 1):%B}: {hours}"


def _best_year_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["hours"])
    return f"Most hours in a year: {most['artist']}, {most['year']}"


def _two_artists_title(rows: Rows) -> str:
    if len(rows) < 2:
        return f"Only {rows[0]['artist']} was heard in this period"
    return (
        f"{rows[0]['artist']} {write_hours(rows[0]['ms_played'])}, {rows[1]['artist']} "
        f"{write_hours(rows[1]['ms_played'])}"
    )
