"""Behaviour: how long plays last, how they begin and end, shuffle, skips, devices, places."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import plural, write_country, write_device, write_share
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Query, Rows
from spotify_assets.dashboard.sources import DEVICES, heard_hours, heard_plays

PLACES_IN_SESSION = "'1', '2', '3-5', '6-10', '11+'"
TRIPS = """
    SELECT trip_start, trip_end, country, home, days, plays, ms_played, top_recordings AS soundtrack
    FROM trips WHERE listener = $listener AND trip_end >= $start AND trip_start <= $end ORDER BY trip_start DESC
"""


# What is said of the last stage of the funnel that is known.
LAST_STAGES = {
    "30 seconds or more": "last 30 seconds",
    "of these, not skipped": "last 30 seconds and are not skipped",
    "half of the track or more": "reach half of the track",
    "played to the end": "reach the end",
}


def behaviour_page(view: View) -> Page:
    """Survival, funnel, choosing, shuffle, skips, reasons, devices, countries, trips."""
    plays = f"WITH {heard_plays(view.filters).strip()}"
    hours = f"WITH {heard_hours(view.filters, by=['date', 'platform']).strip()}"
    funnel = f"""
    {plays},
    lengths AS (
        SELECT r.recording_key, t.duration_ms FROM dim_recording r
        JOIN dim_track t ON t.track_key = r.canonical_track_key WHERE t.duration_ms > 0
    ),
    sums AS (
        SELECT count(*) AS plays, count(*) FILTER (ms_played >= 5000) AS five, count(*) FILTER (is_stream) AS streams,
            count(*) FILTER (is_stream AND NOT skipped) AS unskipped, count(skipped) AS skips_known,
            count(*) FILTER (2 * ms_played >= duration_ms) AS half, count(duration_ms) AS lengths_known,
            count(*) FILTER (reason_end_key = 'trackdone') AS finished,
            count(*) FILTER (reason_end_key <> 'unknown') AS ends_known
        FROM heard LEFT JOIN lengths USING (recording_key) WHERE content_type = 'track'
    )
    SELECT stage, plays, known, plays / known AS share FROM (
        SELECT 1 AS place, 'all plays' AS stage, plays, plays AS known FROM sums UNION ALL
        SELECT 2, '5 seconds or more', five, plays FROM sums UNION ALL
        SELECT 3, '30 seconds or more', streams, plays FROM sums UNION ALL
        SELECT 4, 'of these, not skipped', unskipped, skips_known FROM sums UNION ALL
        SELECT 5, 'half of the track or more', half, lengths_known FROM sums UNION ALL
        SELECT 6, 'played to the end', finished, ends_known FROM sums
    ) WHERE known > 0 ORDER BY place
    """
    by_year = f"""
    {plays}
    SELECT year(date) AS year,
        count(*) FILTER (reason_start_key IN ('clickrow', 'playbtn', 'remote', 'uriopen', 'urlopen', 'search',
            'clickside'))
            / nullif(count(*) FILTER (reason_start_key <> 'unknown'), 0) AS chosen,
        count(*) FILTER (shuffle) / nullif(count(shuffle), 0) AS shuffled,
        count(*) FILTER (skipped) / nullif(count(skipped), 0) AS skipped,
        count(*) FILTER (offline) / nullif(count(offline), 0) AS offline, count(*) AS plays
    FROM heard GROUP BY year ORDER BY year
    """
    positions = f"""
    SELECT "value" AS place, sum(skips) / nullif(sum(skips_known), 0) AS skip_rate, sum(plays)::BIGINT AS plays
    FROM listening_behaviour
    WHERE listener = $listener AND dimension = 'position_in_session' AND "value" IN ({PLACES_IN_SESSION})
        AND {_years(view)}
    GROUP BY place ORDER BY list_position([{PLACES_IN_SESSION}], place)
    """
    devices = f"""
    {hours}
    SELECT *, hours / nullif(sum(hours) OVER (PARTITION BY year), 0) AS share FROM (
        SELECT year(date) AS year, platform_family AS device, sum(ms_played) / 3600000 AS hours,
            sum(plays)::BIGINT AS plays
        FROM heard JOIN {DEVICES} USING (platform) GROUP BY ALL
    ) ORDER BY year, device
    """
    countries = """
    SELECT conn_country AS country, sum(ms_played) / 3600000 AS hours, sum(days)::BIGINT AS days,
        sum(plays)::BIGINT AS plays
    FROM listening_places WHERE listener = $listener AND month BETWEEN date_trunc('month', $start) AND $end
    GROUP BY country ORDER BY hours DESC, country
    """

    def reasons(of: str, name: str) -> Query:
        return view.query(f"""
    {plays}
    SELECT {parts.MEANINGS[of]} AS {name}, count(*) AS plays, count(*) / sum(count(*)) OVER () AS share,
        count(*) FILTER (skipped) / nullif(count(skipped), 0) AS skip_rate
    FROM heard JOIN dim_reason ON reason_key = {of} GROUP BY {name} ORDER BY plays DESC, {name}
    """)

    are_countries_known = bool(view.rows("SELECT 1 FROM listening_places WHERE listener = $listener LIMIT 1"))
    return Page(
        "Behaviour",
        [
            parts.survival_block(
                view,
                plays,
                "heard WHERE content_type = 'track'",
                parts.half_life_title,
                note="Of all plays of tracks, the share that lasted so long",
            ),
            Block(
                "funnel",
                view.query(funnel),
                _funnel_title,
                [
                    Column("stage", "Plays"),
                    Column("plays", "Number", "count"),
                    Column("known", "Of", "count"),
                    Column("share", "Share", "share"),
                ],
                chart=lambda rows: charts.bars_chart(
                    rows, "stage", "share", title="share of plays of tracks", form=charts.SHARE
                ),
                note="The share of plays of tracks that got so far: of all plays, or of those of which skips, the "
                "track's length or the end are known.",
                is_half=True,
            ),
            Block(
                "positions",
                view.query(positions),
                _position_title,
                [
                    Column("place", "Place in the session"),
                    Column("skip_rate", "Skipped", "share"),
                    Column("plays", "Plays", "count"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "place", "skip_rate", x_title="place in the session", y_title="share skipped", form=charts.SHARE
                ),
                note=f"Skips by place in the session; all content, {_years_said(view)}.",
                is_half=True,
                empty="No session was in this period.",
                needs="skip_rate",
                about="skips",
                known_by="skip_rate",
            ),
            _by_year(
                view,
                by_year,
                "chosen",
                "chosen by you",
                "what you chose",
                "You chose for yourself most often in",
                "Share of plays that you started yourself rather than autoplay, a queue or the track before.",
            ),
            _by_year(
                view,
                by_year,
                "shuffled",
                "on shuffle",
                "shuffle",
                "You shuffled most in",
                "Share of plays with shuffle on.",
            ),
            _by_year(
                view,
                by_year,
                "skipped",
                "skipped",
                "skips",
                "You skipped most in",
                "Share of plays that were skipped.",
            ),
            _by_year(
                view,
                by_year,
                "offline",
                "offline",
                "plays without a connection",
                "You were offline most in",
                "Share of plays without a connection.",
            ),
            Block(
                "starts",
                reasons("reason_start_key", "started"),
                lambda rows: f"How plays begin: {rows[0]['started'].lower()}",
                [
                    Column("started", "How plays began"),
                    Column("plays", "Plays", "count", bar=True),
                    Column("share", "Share", "share"),
                    Column("skip_rate", "Skipped", "share"),
                ],
                is_half=True,
                shown=20,
                about="how plays begin",
                known_by="started",
            ),
            Block(
                "ends",
                reasons("reason_end_key", "ended"),
                lambda rows: f"How plays end: {rows[0]['ended'].lower()}",
                [
                    Column("ended", "How plays ended"),
                    Column("plays", "Plays", "count", bar=True),
                    Column("share", "Share", "share"),
                ],
                is_half=True,
                shown=20,
                about="how plays end",
                known_by="ended",
            ),
            Block(
                "devices",
                view.query(devices),
                _device_title,
                [
                    Column("year", "Year"),
                    Column("device", "Device", "device"),
                    Column("hours", "Hours", "decimal"),
                    Column("plays", "Plays", "count"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "year", "hours", x_title="year", y_title="hours", color="device"
                ),
                note="Hours by kind of device and year.",
                shown=200,
                about="devices",
                known_by="device",
            ),
            *(_places(view, countries) if are_countries_known else []),
        ],
        unknown=[] if are_countries_known else ["countries"],
    )


def _places(view: View, countries: str) -> list[Block]:
    return [
        Block(
            "countries",
            view.query(countries),
            _country_title,
            [
                Column("country", "Country", "country"),
                Column("hours", "Hours", "decimal", bar=True),
                Column("days", "Days", "count"),
                Column("plays", "Plays", "count"),
            ],
            note="Country of the connection, by whole months of the period.",
            empty="No country is known.",
            is_half=True,
        ),
        Block(
            "trips",
            view.query(TRIPS),
            lambda rows: f"{plural(len(rows), 'trip')}, the last to {write_country(rows[0]['country'])}",
            [
                Column("trip_start", "From", "day"),
                Column("trip_end", "To", "day"),
                Column("country", "In", "country"),
                Column("days", "Days", "count"),
                Column("soundtrack", "Soundtrack", "list"),
            ],
            note="Days with plays in a country other than home; its soundtrack is what you played there more "
            "than elsewhere.",
            empty="You heard nothing abroad.",
            shown=10,
        ),
    ]


def _by_year(view: View, sql: str, name: str, label: str, about: str, most_in: str, note: str) -> Block:
    """A share of plays by year."""

    def title(rows: Rows) -> str:
        if len(rows) == 1:
            return f"{write_share(rows[0][name])} of plays were {label}"
        most = max(rows, key=lambda row: row[name])
        return f"{most_in} {most['year']}: {write_share(most[name])}"

    return Block(
        name,
        view.query(sql),
        title,
        [Column("year", "Year"), Column(name, label.capitalize(), "share"), Column("plays", "Plays", "count")],
        chart=lambda rows: charts.columns_chart(
            "year", name, x_title="year", y_title=f"share {label}", form=charts.SHARE
        ),
        note=note,
        is_half=True,
        needs=name,
        about=about,
        known_by=name,
    )


def _funnel_title(rows: Rows) -> str:
    """Of the last stage; how plays ended, and what was skipped, may be unknown."""
    return f"{write_share(rows[-1]['share'])} of plays {LAST_STAGES[rows[-1]['stage']]}"


def _years(view: View) -> str:
    """Condition on the years of `listening_behaviour`: those of the period, or the sum of all."""
    return "year = 0" if view.filters.period == "all" else "year BETWEEN year($start) AND year($end)"


def _years_said(view: View) -> str:
    start, end = view.filters.start.year, view.filters.end.year
    return "all time" if view.filters.period == "all" else f"all of {start}" if start == end else f"{start} to {end}"


def _position_title(rows: Rows) -> str:
    first, last = rows[0], rows[-1]
    if len(rows) == 1:
        return f"{write_share(first['skip_rate'])} are skipped"
    difference = last["skip_rate"] - first["skip_rate"]
    if abs(difference) < 0.02:
        return f"You skip as much late in a session as at its start: {write_share(first['skip_rate'])}"
    verb = "more" if difference > 0 else "less"
    return (
        f"You skip {verb} late in a session: {write_share(first['skip_rate'])} of first plays, "
        f"{write_share(last['skip_rate'])} later"
    )


def _country_title(rows: Rows) -> str:
    if len(rows) == 1:
        return f"All of it was heard in {write_country(rows[0]['country'])}"
    return f"{len(rows)} countries, most of it in {write_country(rows[0]['country'])}"


def _device_title(rows: Rows) -> str:
    most = max((row for row in rows if row["year"] == rows[-1]["year"]), key=lambda row: row["hours"])
    return f"In {most['year']}, {write_share(most['share'] or 0)} was heard on {write_device(most['device'])}"
