"""Charts: tops of any period, with how places changed, and the race of a year."""

from datetime import date

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import write_day, write_share
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Rows
from spotify_assets.dashboard.sources import DIMENSIONS, KEYS, heard_tracks

ENTITIES = ("artist", "track", "album")
PERIODS = {
    "period": "This period",
    "week": "Week",
    "month": "Month",
    "quarter": "Quarter",
    "year": "Year",
    "all": "All time",
}
SIZE = 100
RACERS = 10
OF_A_CHART = """
    WITH sums AS (
        SELECT entity_key AS {key}, rank, rank_change, plays, ms_played, share, peak_rank, periods_on_chart, is_new,
            is_reentry
        FROM top_charts
        WHERE listener = $listener AND entity_type = $entity AND period_type = $period AND period_start = $chart_start
    ){dimension}
    ORDER BY rank
"""
STARTS = """
    SELECT DISTINCT period_start FROM top_charts
    WHERE listener = $listener AND entity_type = $entity AND period_type = $period ORDER BY period_start
"""


def charts_page(view: View) -> Page:
    """A chart: of the filters' period, or of a week, month, quarter or year; and the race of the year."""
    entity = view.asked.get("entity", "artist")
    entity = entity if entity in ENTITIES else "artist"
    period = view.asked.get("chart", "period")
    period = period if period in PERIODS else "period"
    choices = [
        (
            "What",
            [
                (f"{one.capitalize()}s", view.to("/charts", entity=one, chart=period), one == entity)
                for one in ENTITIES
            ],
        ),
        (
            "Chart of",
            [(label, view.to("/charts", entity=entity, chart=one), one == period) for one, label in PERIODS.items()],
        ),
    ]
    block, steps, lead = _own_chart(view, entity) if period == "period" else _calendar_chart(view, entity, period)
    year = view.filters.end.year
    return Page(
        f"Top {entity}s",
        [block, _race(view, entity, year)],
        lead=lead,
        choices=choices,
        steps=steps,
    )


def _chart_columns(view: View, entity: str, *, is_compared: bool) -> list[Column]:
    return [
        Column("rank", "#", "count"),
        *([Column("moved", "Moved")] if is_compared else []),
        *parts.name_columns(view, entity),
        Column("plays", "Plays", "count"),
        Column("ms_played", "Time", "hours", bar=True),
        Column("share", "Share", "share"),
    ]


def _own_chart(view: View, entity: str) -> tuple[Block, list[tuple[str, str]], str]:
    """The chart of the filters' days, compared with as many days before."""
    filters, key = view.filters, KEYS[entity]
    before, until = filters.previous
    has_before = filters.start > filters.listener.first
    moved = _moved("previous_rank - rank", "false", "previous_rank IS NULL") if has_before else ""
    sql = f"""
    WITH {heard_tracks(filters, "BETWEEN $before AND $end", by=["date >= $start AS is_now", key]).strip()},
    spans AS (
        SELECT {key}, sum(plays) FILTER (is_now)::BIGINT AS plays,
            sum(ms_played) FILTER (is_now)::BIGINT AS ms_played,
            sum(ms_played) FILTER (NOT is_now) AS ms_before
        FROM tracks WHERE {key} <> -1 GROUP BY {key}
    ),
    ranked AS (
        SELECT *, row_number() OVER (ORDER BY ms_played DESC NULLS LAST, {key}) AS rank,
            CASE WHEN ms_before IS NOT NULL THEN row_number() OVER (ORDER BY ms_before DESC NULLS LAST,
                {key}) END AS previous_rank,
            ms_played / nullif(sum(ms_played) OVER (), 0) AS share
        FROM spans
    ),
    sums AS (
        SELECT * EXCLUDE (ms_before) FROM ranked WHERE plays > 0 ORDER BY rank LIMIT {SIZE}
    ){_named_rows(entity, moved)}
    ORDER BY rank
    """
    block = Block(
        "chart",
        view.query(sql, before=before),
        lambda rows: f"{rows[0][entity]} leads with {write_share(rows[0]['share'])} of your music",
        _chart_columns(view, entity, is_compared=has_before),
        note=f"By listening time{f', compared with {write_day(before)} to {write_day(until)}' if has_before else ''}.",
        pictures=True,
        empty=parts.empty_tops(entity),
    )
    return block, [], ""


def _calendar_chart(view: View, entity: str, period: str) -> tuple[Block, list[tuple[str, str]], str]:
    """The chart of a calendar period: the one of `at`, else the last one that begins within the filters' days."""
    starts = [row["period_start"] for row in view.rows(STARTS, entity=entity, period=period)]
    wanted = view.asked.get("at", "")
    within = [start for start in starts if start <= view.filters.end]
    shown = next((start for start in starts if start.isoformat() == wanted), within[-1] if within else None)
    place = starts.index(shown) if shown else -1
    steps = [
        (
            view.to("/charts", entity=entity, chart=period, at=starts[other].isoformat()),
            sign.format(_named(period, starts[other])),
        )
        for other, sign in ((place - 1, "← {}"), (place + 1, "{} →"))
        if shown and 0 <= other < len(starts)
    ]
    dimension = _named_rows(entity, "" if period == "all" else _moved("rank_change", "is_reentry", "is_new"))
    columns = _chart_columns(view, entity, is_compared=period != "all")
    if period != "all":
        columns += [
            Column("peak_rank", "Best", "count"),
            Column("periods_on_chart", f"{period.capitalize()}s on it", "count"),
        ]
    block = Block(
        "chart",
        view.query(
            OF_A_CHART.format(key=KEYS[entity], dimension=dimension),
            entity=entity,
            period=period,
            chart_start=shown,
        ),
        lambda rows: f"{rows[0][entity]} is on top of {_named(period, shown) if shown else ''}",
        columns,
        note="By listening time, of all plays of music: other filters than listener and period don't apply to these "
        "charts.",
        pictures=True,
        empty="There is no chart of this period.",
    )
    return block, steps, ""


def _moved(change: str, is_reentry: str, is_new: str) -> str:
    """SQL of how a place changed, in words."""
    return (
        f", CASE WHEN {is_new} THEN 'new' WHEN {is_reentry} THEN 'back' WHEN {change} > 0 THEN '▲ ' || ({change}) "
        f"WHEN {change} < 0 THEN '▼ ' || -({change}) ELSE '=' END AS moved"
    )


def _named_rows(entity: str, moved: str) -> str:
    """SQL of the rows of `sums` with their names, and how their places changed."""
    return DIMENSIONS[entity].replace("SELECT s.*", f"SELECT s.*{moved}")


def _named(period: str, start: date) -> str:
    names = {
        "week": f"the week of {write_day(start)}",
        "month": f"{start:%B %Y}",
        "quarter": f"Q{(start.month + 2) // 3} {start.year}",
        "year": f"{start.year}",
    }
    return names.get(period, "all time")


def _race(view: View, entity: str, year: int) -> Block:
    """How the top ten of a year came to be, month by month."""
    key, name = KEYS[entity], {"artist": "artist_name", "track": "track_name", "album": "album_name"}[entity]
    table = {"artist": "dim_artist", "track": "dim_recording", "album": "dim_album"}[entity]
    sql = f"""
    WITH {heard_tracks(view.filters, by=["date_trunc('month', date)::DATE AS month", key]).strip()},
    racers AS (
        SELECT {key}, row_number() OVER (ORDER BY sum(ms_played) DESC, {key}) AS place
        FROM tracks WHERE {key} <> -1 GROUP BY {key} ORDER BY place LIMIT {RACERS}
    ),
    months AS (
        SELECT unnest(generate_series(min(month), max(month), INTERVAL 1 MONTH))::DATE AS month FROM tracks
    ),
    heard AS (
        SELECT {key}, month, sum(ms_played) AS ms_played
        FROM tracks JOIN racers USING ({key}) GROUP BY ALL
    )
    SELECT month, place, {name} AS name,
        sum(coalesce(ms_played, 0)) OVER (PARTITION BY {key} ORDER BY month) / 3600000 AS hours, {key}
    FROM racers CROSS JOIN months LEFT JOIN heard USING ({key}, month) JOIN {table} USING ({key})
    ORDER BY month, place
    """

    def names(rows: Rows) -> list[str]:
        return list(dict.fromkeys(row["name"] for row in sorted(rows, key=lambda row: row["place"])))

    def title(rows: Rows) -> str:
        leaders = [
            max((row for row in rows if row["month"] == month), key=lambda row: row["hours"])
            for month in {row["month"] for row in rows}
        ]
        changes = len({row["place"] for row in leaders})
        winner = names(rows)[0]
        return (
            f"{winner} won {year}, and led from the start"
            if changes == 1
            else f"{winner} won {year}; {changes} had the lead in it"
        )

    return Block(
        "race",
        view.query(sql, start=date(year, 1, 1), end=date(year, 12, 31)),
        title,
        [
            Column("month", "Month", "month"),
            Column("name", entity.capitalize(), link=view.link(f"/{entity}", key)),
            Column("hours", "Hours since 1 January", "decimal"),
        ],
        chart=lambda rows: charts.race_chart(names(rows)),
        note=f"Hours added up over {year}, the top ten {entity}s at its end.",
        empty=parts.empty_tops(entity, f"in {year}"),
        shown=120,
    )
