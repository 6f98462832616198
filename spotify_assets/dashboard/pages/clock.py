"""Time: when was it heard, and what was heard on one day."""

from datetime import date, timedelta

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, NotThereError, Page, View
from spotify_assets.dashboard.formats import (
    DAYS_OF_WEEK,
    MS_PER_HOUR,
    THIN,
    part_of_day,
    plural,
    write_count,
    write_day,
    write_hours,
    write_share,
)
from spotify_assets.dashboard.queries import Rows
from spotify_assets.dashboard.sources import heard_hours, heard_plays

STREAKS = """
    SELECT days, "start", "end" FROM listening_streaks
    WHERE listener = $listener AND entity_type = 'any' AND "end" >= $start AND "start" <= $end
    ORDER BY days DESC, "start" LIMIT 100
"""
SESSIONS = """
    SELECT replace(session_type, '_', ' ') AS session, count(*) AS sessions, sum(ms_played) / 3600000 AS hours,
        median(ms_played)::BIGINT AS median_ms, max(ms_played) AS longest_ms
    FROM listening_sessions WHERE listener = $listener AND date BETWEEN $start AND $end
    GROUP BY ALL ORDER BY hours DESC, session
"""
RECORDS = f"""
    SELECT replace(record, '_', ' ') AS record,
        CASE unit WHEN 'ms' THEN format('{{:.1f}}{THIN}h', record_value / 3600000)
            WHEN 'minutes' THEN format('{{}}:{{:02}}', record_value::INT // 60, record_value::INT % 60)
            WHEN 'share' THEN format('{{:.0f}}{THIN}%', record_value * 100)
            ELSE replace(format('{{:,.0f}}', record_value), ',', '{THIN}') || ' '
                || if(record_value = 1, rtrim(unit, 's'), unit) END AS shown_value,
        happened_on, name, artist_name AS artist, record_value, unit
    FROM records WHERE listener = $listener ORDER BY happened_on DESC NULLS LAST, record
"""
GAPS = """
    SELECT gap_start, gap_end, days, expected_active_days, is_suspicious, source_before, source_after
    FROM coverage_gaps WHERE listener = $listener ORDER BY is_suspicious DESC, days DESC, gap_start
"""
MILESTONES = """
    SELECT CASE kind WHEN 'eddington' THEN 'days of as many plays' WHEN 'artist_cutover'
        THEN 'artists of as many plays'
        ELSE kind END AS what, "value" AS reached, reached_on, m.artist_key, artist_name AS artist
    FROM milestones m LEFT JOIN dim_artist a ON a.artist_key = m.artist_key AND m.artist_key > 0 OR
        a.artist_key = m.artist_key AND m.artist_key < -2
    WHERE listener = $listener ORDER BY reached_on DESC NULLS FIRST, kind, "value" DESC
"""
MAX_CALENDAR_YEARS = 20


def time_page(view: View) -> Page:
    """A calendar of days, weekday by hour, nights by year, streaks, sessions, records, milestones, gaps."""
    heard = heard_hours(view.filters, by=["date", "hour"]).strip()
    calendar = f"""
    WITH {heard}
    SELECT date, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays
    FROM heard GROUP BY date ORDER BY date
    """
    clock = f"""
    WITH {heard}
    SELECT isodow(date) AS weekday, hour, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays
    FROM heard GROUP BY weekday, hour ORDER BY weekday, hour
    """
    nights = f"""
    WITH {heard}
    SELECT year(date) AS year, coalesce(sum(ms_played) FILTER (hour < 5), 0) / nullif(sum(ms_played), 0) AS share,
        coalesce(sum(ms_played) FILTER (hour < 5), 0) / 3600000 AS hours
    FROM heard GROUP BY year ORDER BY year
    """
    return Page(
        "Time",
        [
            Block(
                "calendar",
                view.query(calendar),
                _calendar_title,
                [
                    Column("date", "Day", "day", link=lambda row: _day_address(view, row["date"])),
                    Column("hours", "Hours", "decimal", bar=True),
                    Column("plays", "Plays", "count"),
                ],
                chart=lambda rows: _calendar(view, rows),
                note="Hours by day; choose one to see its plays.",
                shown=400,
            ),
            Block(
                "clock",
                view.query(clock),
                _clock_title,
                [
                    Column("weekday", "Weekday (1 is Monday)"),
                    Column("hour", "Hour", "hour"),
                    Column("hours", "Hours", "decimal", bar=True),
                    Column("plays", "Plays", "count"),
                ],
                chart=lambda rows: charts.clock_chart(),
                note="Hours by day of the week and hour of the day.",
                shown=168,
            ),
            Block(
                "sessions",
                view.query(SESSIONS),
                lambda rows: (
                    f"Most of the time you listen in a {rows[0]['session']}"
                    if rows[0]["session"] != "mixed"
                    else "Most sessions are a mix"
                ),
                [
                    Column("session", "Session", "words"),
                    Column("sessions", "Sessions", "count"),
                    Column("hours", "Hours", "decimal"),
                    Column("median_ms", "Median", "minutes"),
                    Column("longest_ms", "Longest", "minutes"),
                ],
                chart=lambda rows: charts.bars_chart(rows, "session", "hours", title="hours", also=["sessions"]),
                note="Sessions end after 30 minutes of silence, unless set otherwise; all their plays count. An "
                "album run is 5 or more plays of one album, a "
                "binge 60 % of one artist, background 3 hours without choosing anything.",
                is_half=True,
            ),
            Block(
                "nights",
                view.query(nights),
                _night_title,
                [
                    Column("year", "Year"),
                    Column("share", "From 0:00 to 4:59", "share"),
                    Column("hours", "Hours", "decimal"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "year", "share", x_title="year", y_title="share of the time", form=charts.SHARE
                ),
                note="Listening from 0:00 to 4:59, of each year's time.",
                is_half=True,
            ),
            Block(
                "streaks",
                view.query(STREAKS),
                lambda rows: f"{plural(rows[0]['days'], 'day')} in a row, from {write_day(rows[0]['start'])}",
                [
                    Column("days", "Days", "count", bar=True),
                    Column("start", "From", "day"),
                    Column("end", "To", "day"),
                ],
                note="Days in a row with a play, three or more.",
                empty="No three days in a row have a play.",
                shown=10,
                is_half=True,
            ),
            Block(
                "milestones",
                view.query(MILESTONES),
                _milestone_title,
                [
                    Column("reached", "Reached", "count"),
                    Column("what", "Of"),
                    Column("reached_on", "On", "day", link=lambda row: _day_address(view, row["reached_on"])),
                    Column("artist", "Artist", link=view.link("/artist", "artist_key")),
                ],
                note="All time. “Days of as many plays” is the Eddington number.",
                empty="No milestone is reached yet.",
                shown=10,
                is_half=True,
            ),
            Block(
                "records",
                view.query(RECORDS),
                _record_title,
                [
                    Column("record", "Record"),
                    Column("shown_value", "Value"),
                    Column("happened_on", "Day", "day", link=lambda row: _day_address(view, row["happened_on"])),
                    Column("name", "Track"),
                    Column("artist", "Artist"),
                ],
                note="All time; implausible plays are left out.",
                empty="There are no records yet.",
            ),
            Block(
                "gaps",
                view.query(GAPS),
                _gap_title,
                [
                    Column("gap_start", "From", "day"),
                    Column("gap_end", "To", "day"),
                    Column("days", "Days", "count"),
                    Column("is_suspicious", "A file may be missing", "yes"),
                    Column("source_before", "File before"),
                    Column("source_after", "File after"),
                ],
                note="Two weeks or more without a play, all time. A gap is suspicious where listening was so "
                "frequent before that "
                "it would come up by chance once in a thousand times.",
                empty="There is no gap of two weeks or more: your history looks complete.",
            ),
        ],
    )


def day_page(view: View) -> Page:
    """The plays of one local day, in order."""
    try:
        day = date.fromisoformat(view.asked.get("date", ""))
    except ValueError:
        raise NotThereError("A day is named as in /day?date=2024-05-01.") from None
    if not 1900 <= day.year <= 2200:
        raise NotThereError(f"{day} is no day with plays.")
    plays = f"""
    WITH {heard_plays(view.filters, "= $day").strip()}
    SELECT timezone($zone, h.played_at - to_milliseconds(h.ms_played)) AS started,
        coalesce(r.track_name, e.episode_name) AS track, coalesce(r.artist_name, e.show_name) AS artist,
        b.album_name AS album, h.ms_played, platform_family AS device, s.meaning AS start_meaning,
            x.meaning AS end_meaning,
        t.track_uri, t.duration_ms, coalesce(t.image_url, e.image_url) AS image_url,
        r.canonical_recording_key AS recording_key, a.canonical_artist_key AS artist_key,
        b.canonical_album_key AS album_key
    FROM heard h
    LEFT JOIN dim_recording r ON r.recording_key = h.recording_key AND h.content_type = 'track'
    LEFT JOIN dim_track t ON t.track_key = h.track_key AND h.content_type = 'track'
    LEFT JOIN dim_artist a ON a.artist_key = h.artist_key AND h.content_type = 'track'
    LEFT JOIN dim_album b ON b.album_key = h.album_key AND h.content_type = 'track'
    LEFT JOIN dim_episode e ON e.episode_key = h.episode_key AND h.content_type <> 'track'
    JOIN dim_platform USING (platform_key)
    JOIN dim_reason s ON s.reason_key = h.reason_start_key
    JOIN dim_reason x ON x.reason_key = h.reason_end_key
    ORDER BY h.played_at, h.play_id
    """
    one = timedelta(days=1)
    return Page(
        f"{day:%A}, {write_day(day)}",
        [
            Block(
                "plays",
                view.query(plays, day=day),
                _day_title,
                [
                    Column("started", "Started", "clock"),
                    Column("track", "Track or episode", link=view.link("/track", "recording_key")),
                    Column("artist", "Artist or show", link=view.link("/artist", "artist_key")),
                    Column("album", "Album", link=view.link("/album", "album_key")),
                    Column("ms_played", "Played", "minutes", bar=True),
                    Column("device", "Device", "device"),
                    Column("end_meaning", "Ended"),
                ],
                note="In the order in which they ended; times are local.",
                empty="Nothing was heard on this day.",
                shown=500,
                pictures=True,
            )
        ],
        crumbs=[("Time", view.to("/time"))],
        has_period=False,
        steps=[
            (_day_address(view, day - one), f"← {write_day(day - one)}"),
            (_day_address(view, day + one), f"{write_day(day + one)} →"),
        ],
    )


def _day_address(view: View, day: date | None) -> str:
    return view.to("/day", date=f"{day:%Y-%m-%d}") if day else ""


def _calendar(view: View, rows: Rows) -> charts.Spec:
    years = sorted({row["date"].year for row in rows})[-MAX_CALENDAR_YEARS:]
    # A view has thousands of days: the filters are written once.
    some_day = rows[0]["date"]
    before, _, after = _day_address(view, some_day).rpartition(some_day.isoformat())
    values = [
        {
            "date": row["date"].isoformat(),
            "slot": row["date"].year * 10 + row["date"].isoweekday(),
            # Weeks from Monday; the days before the year's first Monday are in week 0.
            "week": int(f"{row['date']:%W}"),
            "hours": row["hours"],
            "plays": row["plays"],
            "href": f"{before}{row['date'].isoformat()}{after}",
        }
        for row in rows
        if row["date"].year in years
    ]
    return {**charts.calendar_chart(years), "data": {"values": values}}


def _calendar_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["hours"])
    hours = write_hours(most["hours"] * MS_PER_HOUR)
    return f"Your biggest day was {most['date']:%A}, {write_day(most['date'])}: {hours}"


def _clock_title(rows: Rows) -> str:
    sums: dict[tuple[int, str], float] = {}
    for row in rows:
        key = (row["weekday"], part_of_day(row["hour"]))
        sums[key] = sums.get(key, 0) + row["hours"]
    weekday, part = max(sums, key=lambda key: sums[key])
    return f"You listened most on {DAYS_OF_WEEK[weekday - 1]} {part}s"


def _night_title(rows: Rows) -> str:
    known = [row for row in rows if row["share"] is not None]
    if not known:
        return "Nothing was heard at night"
    most = max(known, key=lambda row: row["share"])
    return (
        f"You were most of a night owl in {most['year']}: {write_share(most['share'])}"
        if len(known) > 1
        else f"{write_share(most['share'])} of it was heard at night"
    )


def _milestone_title(rows: Rows) -> str:
    latest = next((row for row in rows if row["reached_on"]), rows[0])
    when = f" on {write_day(latest['reached_on'])}" if latest["reached_on"] else ""
    what = latest["what"].removesuffix("s") if latest["reached"] == 1 else latest["what"]
    return f"{write_count(latest['reached'])} {what}{when}"


def _record_title(rows: Rows) -> str:
    longest = next((row for row in rows if row["record"] == "longest session"), rows[0])
    return f"{longest['record'].capitalize()}: {longest['shown_value']}"


def _gap_title(rows: Rows) -> str:
    suspicious = sum(row["is_suspicious"] for row in rows)
    if suspicious:
        return f"{plural(suspicious, 'gap')} may be a missing file"
    return f"{plural(len(rows), 'gap')}, none of them suspicious"


def _day_title(rows: Rows) -> str:
    return f"{plural(len(rows), 'play')}, {write_hours(sum(row['ms_played'] for row in rows))}"
