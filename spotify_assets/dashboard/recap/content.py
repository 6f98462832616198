"""What a recap tells: read by queries, from the warehouse or from the lake.

A year without further filters is the row of `yearly_recap`. Other days, and years of which not all plays count, have
the columns of that table which follow from plays; the others are missing.

The model is imported when a recap is made: with SQLAlchemy it would double the time that the dashboard takes to start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

from spotify_assets.dashboard.filters import RANGE, SPOKEN, Filters
from spotify_assets.dashboard.formats import MS_PER_HOUR
from spotify_assets.dashboard.queries import Query, ResultRow, Rows
from spotify_assets.dashboard.sources import DEVICES, DIMENSIONS, heard_hours, heard_tracks, top_sql, totals_sql

# Runs a query: on the warehouse for pages, on the lake for files.
Ask = Callable[[Query], Rows]
ENTITIES = ("artist", "track", "album")
# Who has listened up to this day of a year can be shown it: about then others show theirs.
ENOUGH_OF_A_YEAR = (12, 1)
# Charts of longer spans have a bar for each month.
LONGEST_IN_DAYS = 45
# Fewer days have no week.
DAYS_OF_WEEK = 7

YEARS = """
    SELECT year, plays, is_complete FROM yearly_recap WHERE listener = $listener ORDER BY year
"""
YEAR = "SELECT * FROM yearly_recap WHERE listener = $listener AND year = $year"
GENRES = """
    WITH families AS (
        SELECT genre_family, sum(ms_played)::BIGINT AS ms_played, sum(known_ms_played) AS known
        FROM genre_trends WHERE listener = $listener AND month BETWEEN $start AND $end GROUP BY genre_family
    )
    SELECT genre_family AS genre, ms_played / 3600000 AS hours, ms_played / max(known) OVER () AS share
    FROM families WHERE ms_played > 0 QUALIFY max(known) OVER () > 0 ORDER BY ms_played DESC, genre_family
"""
SESSIONS = """
    SELECT count(*) AS sessions, avg(ms_played) AS mean_session_ms, max(ms_played) AS longest_session_ms,
        min(date) FILTER (longest = 1) AS longest_session_on
    FROM (
        SELECT *, rank() OVER (ORDER BY ms_played DESC, session_start) AS longest
        FROM listening_sessions WHERE listener = $listener AND date BETWEEN $start AND $end
    )
"""
DISCOVERED = """
    SELECT count(*) FILTER (entity_type = 'track') AS new_tracks,
        count(*) FILTER (entity_type = 'artist') AS new_artists,
        count(*) FILTER (entity_type = 'artist' AND became_regular) AS discoveries_kept,
        coalesce(list(name ORDER BY total_plays DESC, entity_key)
            FILTER (entity_type = 'artist' AND became_regular)[:$top], []) AS kept_artists
    FROM discoveries WHERE listener = $listener AND discovered_on BETWEEN $start AND $end
"""


@dataclass(frozen=True)
class Recap:
    """What a recap tells.

    Attributes:
        filters: Whose listening, of which days, and which plays.
        year: The local year, where it is one with all of its plays; else None.
        row: Columns of `yearly_recap`, those that are known.
        days: `date`, `ms_played`, `plays` of each local day with a play.
        clock: `weekday` (1 is Monday), `hour` (local), `hours`.
        genres: `genre`, `hours`, `share` of the time whose genre is known, the most first.
    """

    filters: Filters
    year: int | None
    row: ResultRow
    days: Rows
    clock: Rows
    genres: Rows

    @property
    def title(self) -> str:
        """The year, or the days."""
        return str(self.year) if self.year else self.filters.describe()

    @property
    def is_complete(self) -> bool:
        """Whether the days are over: the listener played something after them."""
        return self.filters.listener.last > self.filters.end

    @cached_property
    def step(self) -> str:
        """Length of a bar of charts over time: `day` or `month`."""
        return "day" if self.filters.days <= LONGEST_IN_DAYS else "month"

    @cached_property
    def steps(self) -> Rows:
        """`start`, `hours`, `plays` of each day or month, also of those without a play."""
        starts = _step_starts(self.filters.start, self.filters.end, self.step)
        sums: dict[date, list[int]] = {start: [0, 0] for start in starts}
        for row in self.days:
            found = sums[row["date"] if self.step == "day" else row["date"].replace(day=1)]
            found[0] += row["ms_played"]
            found[1] += row["plays"]
        return [{"start": start, "hours": ms / MS_PER_HOUR, "plays": plays} for start, (ms, plays) in sums.items()]

    def skyline(self, bars: int) -> list[float]:
        """Listening time of equal spans of the days, each as a share (0 to 1) of the largest.

        Args:
            bars: Most spans; fewer where there are fewer days.
        """
        bars = min(bars, self.filters.days)
        sums = [0] * bars
        for row in self.days:
            sums[(row["date"] - self.filters.start).days * bars // self.filters.days] += row["ms_played"]
        return [value / (max(sums) or 1) for value in sums]

    def tops(self, entity: str, whose: str = "ours") -> Rows:
        """`name`, `by` (empty of artists), `plays`, `ms_played` (ours) of the top five, in order.

        Args:
            entity: `artist`, `track` or `album`.
            whose: `ours` or `wrapped`.
        """
        names = self.row.get(f"{whose}_{entity}s") or []
        columns = {
            "name": names,
            "by": self.row.get(f"{whose}_{entity}s_by") or [""] * len(names),
            "plays": map(int, self.row.get(f"{whose}_{entity}s_plays") or []),
        }
        if whose == "ours":
            columns["ms_played"] = map(int, self.row.get(f"ours_{entity}s_ms_played") or [])
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def year_filters(filters: Filters, year: int) -> Filters:
    """The same filters, of a whole year."""
    return replace(filters, period=RANGE, start=date(year, 1, 1), end=date(year, 12, 31))


def usual_year(years: Rows, last: date) -> int | None:
    """The year that is shown where none is asked for: the last that is over, or was heard up to December.

    Args:
        years: Rows of `YEARS`.
        last: The listener's last local day with a play.
    """
    enough = [row["year"] for row in years if row["is_complete"] or (last.month, last.day) >= ENOUGH_OF_A_YEAR]
    return max(enough or [row["year"] for row in years], default=None)


def read_recap(ask: Ask, filters: Filters) -> Recap | None:
    """The recap of the filters' days; None where nothing was heard.

    Args:
        ask: Runs a query.
        filters: Whose listening, of which days, and which plays. A whole year of all plays is that of `yearly_recap`.
    """
    values = filters.parameters
    is_year = filters.is_plain and (filters.start, filters.end) == _year_of(filters.start)
    year = filters.start.year if is_year else None
    query = Query(totals_sql(filters), values) if year is None else Query(YEAR, {**values, "year": year})
    rows = ask(query)
    if not rows:
        return None
    days, clock = _days_and_clock(ask, filters)
    recap = Recap(
        filters,
        year,
        rows[0],
        days,
        clock,
        ask(Query(GENRES, values)) if _has_genres(filters) else [],
    )
    return recap if year is not None else replace(recap, row=_row_of_days(ask, recap))


def clock_sql(filters: Filters) -> str:
    """SQL of hours of listening by weekday (1 is Monday) and local hour."""
    return f"""
    WITH {heard_hours(filters, by=["date", "hour"]).strip()}
    SELECT isodow(date) AS weekday, hour, sum(ms_played) / 3600000 AS hours
    FROM heard GROUP BY ALL ORDER BY weekday, hour
    """


def _days_and_clock(ask: Ask, filters: Filters) -> tuple[Rows, Rows]:
    """`days` and `clock` of a recap, by one scan."""
    sql = f"""
    WITH {heard_hours(filters, by=["date", "hour"]).strip()},
    sums AS (SELECT date, isodow(date) AS weekday, hour, ms_played, plays FROM heard)
    SELECT date, weekday, hour, sum(ms_played)::BIGINT AS ms_played, sum(plays)::BIGINT AS plays
    FROM sums GROUP BY GROUPING SETS ((date), (weekday, hour)) ORDER BY date, weekday, hour
    """
    rows = ask(Query(sql, filters.parameters))
    days = [{name: row[name] for name in ("date", "ms_played", "plays")} for row in rows if row["date"]]
    clock = [
        {"weekday": row["weekday"], "hour": row["hour"], "hours": row["ms_played"] / MS_PER_HOUR}
        for row in rows
        if not row["date"]
    ]
    return days, clock


def _row_of_days(ask: Ask, recap: Recap) -> ResultRow:
    """Columns of `yearly_recap` that follow from plays, for any days."""
    from spotify_assets.model.recap import TOP

    filters, values = recap.filters, recap.filters.parameters
    row = recap.row | {"shuffle_share": recap.row["shuffle_rate"], "days": filters.days}
    biggest = max(recap.days, key=lambda day: (day["ms_played"], -day["date"].toordinal()))
    streak, since = _longest_streak([day["date"] for day in recap.days])
    row |= {
        "biggest_day": biggest["date"],
        "biggest_day_ms_played": biggest["ms_played"],
        "longest_streak_days": streak,
        "longest_streak_start": since,
        "is_complete": recap.is_complete,
    }
    if recap.step == "month":
        month = max(recap.steps, key=lambda step: (step["hours"], -step["start"].toordinal()))
        row |= {"top_month": month["start"], "top_month_ms_played": round(month["hours"] * MS_PER_HOUR)}
    for entity in ENTITIES:
        found = ask(Query(top_sql(filters, entity, TOP), values))
        row[f"ours_{entity}s"] = [one[entity] for one in found]
        row[f"ours_{entity}s_by"] = [one.get("artist", "") if entity != "artist" else "" for one in found]
        row |= {f"ours_{entity}s_{name}": [str(one[name]) for one in found] for name in ("plays", "ms_played")}
    devices = f"""
    WITH {heard_hours(filters, by=["platform"]).strip()}
    SELECT platform_family AS top_platform_family,
        sum(ms_played) / sum(sum(ms_played)) OVER () AS top_platform_family_share
    FROM heard JOIN {DEVICES} USING (platform) GROUP BY platform_family
    QUALIFY platform_family <> 'unknown' ORDER BY sum(ms_played) DESC, platform_family LIMIT 1
    """
    row |= next(iter(ask(Query(devices, values))), {})
    if filters.days >= DAYS_OF_WEEK:
        row |= next(iter(ask(Query(_obsession_sql(filters), values))), {})
    # These tables hold all plays.
    if filters.is_plain:
        row |= ask(Query(SESSIONS, values))[0]
    if not filters.minimum and not filters.no_incognito and filters.content != SPOKEN:
        row |= ask(Query(DISCOVERED, {**values, "top": TOP}))[0]
    return row


def _obsession_sql(filters: Filters) -> str:
    """SQL of the week (from Monday) with most plays of one recording, by the names of `yearly_recap`: two or more."""
    return f"""
    WITH {heard_tracks(filters, by=["date_trunc('week', date)::DATE AS week", "recording_key"]).strip()},
    sums AS (
        SELECT week, recording_key, sum(plays)::BIGINT AS plays FROM tracks
        GROUP BY ALL HAVING sum(plays) > 1 ORDER BY plays DESC, week, recording_key LIMIT 1
    ),
    named AS ({DIMENSIONS["track"]})
    SELECT week AS obsessive_week_start, track AS obsessive_week_track, artist AS obsessive_week_artist,
        plays AS obsessive_week_plays
    FROM named
    """


def _longest_streak(days: Sequence[date]) -> tuple[int, date]:
    """Number of consecutive days, and the first of them; of several streaks the first."""
    best, start, before = (0, days[0]), days[0], None
    for day in days:
        if before is None or day - before > timedelta(days=1):
            start = day
        best = max(best, ((day - start).days + 1, start), key=lambda streak: streak[0])
        before = day
    return best


def _has_genres(filters: Filters) -> bool:
    """Whether the days are months, of which genres are known: of all music."""
    is_over = filters.end >= filters.listener.last or (filters.end + timedelta(days=1)).day == 1
    return (
        filters.start.day == 1
        and is_over
        and not (filters.minimum or filters.no_incognito or filters.content == SPOKEN)
    )


def _year_of(day: date) -> tuple[date, date]:
    return date(day.year, 1, 1), date(day.year, 12, 31)


def _step_starts(start: date, end: date, step: str) -> list[date]:
    """First day of each step of the days."""
    if step == "day":
        return [start + timedelta(days=number) for number in range((end - start).days + 1)]
    months = range(12 * start.year + start.month - 1, 12 * end.year + end.month)
    return [date(month // 12, month % 12 + 1, 1) for month in months]
