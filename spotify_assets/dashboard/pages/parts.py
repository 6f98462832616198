"""What several pages show: lists of artists, tracks and albums, hours over time, figures of a period."""

from collections.abc import Callable, Sequence
from datetime import date

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, View
from spotify_assets.dashboard.filters import Filters, year_before
from spotify_assets.dashboard.formats import (
    MINUS,
    THIN,
    write_count,
    write_hours,
    write_minutes,
    write_share,
    write_signed,
    written,
)
from spotify_assets.dashboard.queries import ResultRow, Rows
from spotify_assets.dashboard.sources import KEYS, top_sql, totals_sql

# `trackdone` says of a start that the play before was played to its end, and of an end that this one was.
MEANINGS = {
    "reason_start_key": "CASE reason WHEN 'trackdone' THEN 'The one before ended' ELSE meaning END",
    "reason_end_key": "CASE reason WHEN 'trackdone' THEN 'Played to its end' ELSE meaning END",
}
# Days of a bar, as `columns_chart` takes them.
DAYS_OF_STEP = {"day": 0, "week": 7, "month": 0}


def key_in(text: str) -> int | None:
    """The key of an address, as BIGINT holds it; None if it is none."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def name_columns(view: View, entity: str) -> list[Column]:
    """Columns of an entity's name, and of its artist's, with links to their pages."""
    own = Column(entity, entity.capitalize(), link=view.link(f"/{entity}", KEYS[entity]))
    if entity == "artist":
        return [own]
    return [own, Column("artist", "Artist", link=view.link("/artist", "artist_key"))]


def empty_tops(entity: str, when: str = "in this period") -> str:
    """What is said where there are no tops. Music may have been heard all the same: account data names no albums."""
    if entity == "album":
        return (
            f"No music whose album is known was heard {when}. Account data doesn't tell albums; extended history does."
        )
    return f"No music was heard {when}."


def top_block(view: View, entity: str, limit: int = 5, *, is_half: bool = False, of: str = "", **values: int) -> Block:
    """The entities with most listening time; with `of`, those of one artist or album, whose key is given as `key`."""
    names = name_columns(view, entity)
    if of:
        names = names[:1]

    def title(rows: Rows) -> str:
        first = rows[0]
        return f"{first[entity]} was played longest" if len(rows) > 1 else f"One {entity}: {first[entity]}"

    columns = [*names, Column("plays", "Plays", "count"), Column("ms_played", "Time", "hours", bar=True)]
    return Block(
        f"top-{entity}s",
        view.query(top_sql(view.filters, entity, limit, of), **values),
        title,
        columns,
        note=f"{entity.capitalize()}s by listening time.",
        is_half=is_half,
        pictures=True,
        shown=limit,
        empty=empty_tops(entity),
    )


def step_of(filters: Filters) -> tuple[str, str]:
    """Length of the steps in which a period is shown over time, and its format for Vega."""
    if filters.days <= 92:
        return "day", "%-d %b"
    if filters.days <= 400:
        return "week", "%-d %b"
    return "month", "%b %Y"


def over_time_block(view: View, name: str, sql: str, what: str = "listened", **values: object) -> Block:
    """Hours by day, week or month; the SQL gives `start`, `hours` and `plays`."""
    step, form = step_of(view.filters)

    def title(rows: Rows) -> str:
        most = max(rows, key=lambda row: row["hours"])
        forms = {"day": "on {:%-d %B %Y}", "week": "in the week of {:%-d %B %Y}", "month": "in {:%B %Y}"}
        return f"You {what} most {forms[step].format(most['start'])}"

    return Block(
        name,
        view.query(sql, step=step, **values),
        title,
        [
            Column("start", step.capitalize(), "month" if step == "month" else "day"),
            Column("hours", "Hours", "decimal"),
            Column("plays", "Plays", "count"),
        ],
        chart=lambda rows: charts.columns_chart(
            "start", "hours", x_title=step, y_title=f"hours per {step}", time=form, days=DAYS_OF_STEP[step]
        ),
        note=f"Hours by {step}.",
        shown=400,
    )


def survival_block(
    view: View, heard: str, source: str, title: Callable[[Rows], str], *, note: str, **values: object
) -> Block:
    """The survival curve of plays: which share of them lasted how long.

    Args:
        view: What the page is made from.
        heard: Common table expressions of the plays.
        source: Which of them count: what stands behind FROM; with `ms_played` and `skipped`.
        title: What is seen.
        note: What is counted, without how.
        values: Further parameters of the query.
    """
    from spotify_assets.model.behaviour import BUCKET_SECONDS, LAST_BUCKET  # loads SQLAlchemy

    sql = f"""
    {heard.strip()},
    buckets AS (
        SELECT least(ms_played // {BUCKET_SECONDS * 1000} * {BUCKET_SECONDS}, {LAST_BUCKET}) AS seconds,
            count(*) AS ended, count(*) FILTER (skipped) AS skipped
        FROM {source} GROUP BY seconds
    )
    SELECT seconds, ended, skipped, sum(ended) OVER (ORDER BY seconds DESC) / sum(ended) OVER () AS survival
    FROM buckets ORDER BY seconds
    """
    return Block(
        "survival",
        view.query(sql, **values),
        title,
        [
            Column("seconds", "Seconds", "count"),
            Column("survival", "Got this far", "share"),
            Column("ended", "Ended here", "count"),
            Column("skipped", "Of these skipped", "count"),
        ],
        chart=lambda rows: charts.survival_chart(),
        note=f"{note}, in steps of {BUCKET_SECONDS} seconds; all from {LAST_BUCKET} on in one.",
        shown=LAST_BUCKET // BUCKET_SECONDS + 1,
    )


def half_life_title(rows: Rows) -> str:
    """How long half of the plays of a survival curve last."""
    return f"Half of all plays last {_half_life(rows)} or longer"


def early_ends_title(rows: Rows) -> str:
    """Which share of an entity's plays ends early, and how long half of them last."""
    plays = sum(row["ended"] for row in rows)
    if plays == 1:
        return f"Its one play got to {_half_life(rows)}"
    early = sum(row["ended"] for row in rows if row["seconds"] < EARLY_SECONDS)
    ends = f"{write_share(early / plays)} of its plays end" if early else "No play of it ends"
    return f"{ends} within {EARLY_SECONDS} seconds, half last {_half_life(rows)} or longer"


def _half_life(rows: Rows) -> str:
    # The first step has all plays.
    return write_minutes(max(row["seconds"] for row in rows if row["survival"] >= 0.5) * 1000)


# From here on, a play is a stream.
EARLY_SECONDS = 30


def compared_spans(filters: Filters) -> list[tuple[str, date, date]]:
    """Spans that a period is compared with: the days before it, and the same days a year before.

    Those that begin before the listener's first day are left out.
    """
    spans = [
        ("the period before", *filters.previous),
        ("a year before", year_before(filters.start), year_before(filters.end)),
    ]
    if spans[0][1:] == spans[1][1:]:
        spans = spans[1:]
    return [span for span in spans if span[1] >= filters.listener.first]


def total_figures(view: View, row: ResultRow) -> Sequence[Figure]:
    """Figures of a row of `totals_sql`, compared with the period before and a year before."""
    filters = view.filters
    sql = totals_sql(filters)
    spans = compared_spans(filters)
    others = [(name, view.rows(sql, start=start, end=end)) for name, start, end in spans]

    def notes(name: str) -> list[str]:
        said = []
        for label, rows in others:
            before = rows[0][name] if rows else 0
            if before and row[name] is not None:
                said.append(f"{_percent_change(row[name] / before - 1)} vs {label}")
        return said

    def points(name: str) -> list[str]:
        said = []
        for label, rows in others:
            before = rows[0][name] if rows else None
            if before is not None and row[name] is not None:
                said.append(f"{write_signed(100 * (row[name] - before))} points vs {label}")
        return said

    def counted(name: str, label: str) -> Figure:
        return Figure(label, written(row[name], "count"), notes(name))

    return [
        Figure("time", write_hours(row["ms_played"]), notes("ms_played")),
        counted("plays", "plays"),
        counted("artists", "artists"),
        counted("tracks", "tracks"),
        counted("albums", "albums"),
        Figure("days with a play", write_count(row["active_days"]), [f"of {write_count(filters.days)}"]),
        Figure("skipped", written(row["skip_rate"], "share"), points("skip_rate")),
        Figure("on shuffle", written(row["shuffle_rate"], "share"), points("shuffle_rate")),
    ]


def part_as_share(part: float | None, whole: float | None) -> str:
    """A part as a share of the whole."""
    return write_share((part or 0) / whole) if whole else written(None, "share")


def _percent_change(change: float) -> str:
    """`+12 %`, `-3 %`, `±0 %`; of ten times as much or more, `12 times`."""
    if change >= 9:
        return f"{change + 1:,.0f} times"
    percent = round(100 * change)
    return f"{percent or '±0':{'+' if percent else ''}}{THIN}%".replace("-", MINUS)
