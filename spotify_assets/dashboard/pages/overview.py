"""Overview: how much, what, and what is new."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import plural, write_day, write_device, write_hours, write_share
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import ResultRow, Rows
from spotify_assets.dashboard.sources import DEVICES, heard_hours, hours_sql, totals_sql

NEWS = """
    WITH news AS (
        SELECT 'fresh' AS news, recording_key, track_name AS track, artist_name AS artist, total_plays AS plays,
            timezone($zone, first_played_at)::DATE AS since, 1 AS place
        FROM track_metrics WHERE listener = $listener AND state = 'new' AND total_plays > 1
        UNION ALL
        SELECT 'obsession', recording_key, track_name, artist_name, peak_7_days_plays, peak_7_days_end, 2
        FROM track_metrics WHERE listener = $listener AND obsession > 0
            AND peak_7_days_end > (SELECT last_date - 60 FROM dim_listener WHERE listener = $listener)
        UNION ALL
        SELECT 'rediscovered', recording_key, track_name, artist_name, total_plays, timezone($zone,
            last_played_at)::DATE, 3
        FROM track_metrics WHERE listener = $listener AND state = 'rediscovered'
        UNION ALL
        SELECT 'forgotten', recording_key, track_name, artist_name, total_plays, timezone($zone,
            last_played_at)::DATE, 4
        FROM track_metrics WHERE listener = $listener AND state = 'forgotten'
    ),
    most AS (
        FROM news QUALIFY row_number() OVER (PARTITION BY news ORDER BY plays DESC, recording_key) <= 3
    )
    SELECT n.news, n.track, n.artist, n.plays, n.since, n.recording_key, a.canonical_artist_key AS artist_key,
        t.track_uri, t.image_url, t.duration_ms
    FROM most n JOIN dim_recording r USING (recording_key) JOIN dim_track t ON t.track_key = r.canonical_track_key
    JOIN dim_artist a ON a.artist_key = t.artist_key
    ORDER BY n.place, plays DESC, n.recording_key
"""
COVERAGE = """
    SELECT if(attribute = 'features', 'sound', attribute) AS attribute, ms_share AS share,
        known_ms_played / 3600000 AS hours FROM catalogue_coverage
    WHERE listener = $listener ORDER BY share DESC NULLS LAST, attribute
"""


def overview_page(view: View) -> Page:
    """How much was heard, compared; the months; the tops; what is new; devices; how much is known."""
    filters = view.filters
    devices = f"""
    WITH {heard_hours(filters, by=["platform"]).strip()}
    SELECT platform_family AS device, sum(ms_played) / 3600000 AS hours,
        sum(plays)::BIGINT AS plays,
        sum(ms_played) / sum(sum(ms_played)) OVER () AS share
    FROM heard JOIN {DEVICES} USING (platform) GROUP BY ALL ORDER BY hours DESC, device
    """
    return Page(
        "Overview",
        [
            Block(
                "totals",
                view.query(totals_sql(filters)),
                _total_title,
                [
                    Column("ms_played", "Time", "hours"),
                    *(Column(name, name.capitalize(), "count") for name in ("plays", "artists", "tracks", "albums")),
                    Column("skip_rate", "Skipped", "share"),
                    Column("shuffle_rate", "Shuffled", "share"),
                ],
                figures=lambda rows: parts.total_figures(view, rows[0]),
                note=_compared_with(view),
            ),
            parts.over_time_block(view, "over-time", hours_sql(filters)),
            parts.top_block(view, "artist", is_half=True),
            parts.top_block(view, "album", is_half=True),
            parts.top_block(view, "track"),
            Block(
                "news",
                view.query(NEWS),
                _news_title,
                [
                    Column("news", "What"),
                    *parts.name_columns(view, "track"),
                    Column("plays", "Plays", "count"),
                    Column("since", "Since", "day"),
                ],
                note="As of your last day, whatever the period: fresh is first played within 30 days, an obsession is "
                "a week of many plays within 60 days, rediscovered and forgotten is after half a year of silence.",
                empty="Nothing is fresh, rediscovered or forgotten.",
                pictures=True,
            ),
            Block(
                "devices",
                view.query(devices),
                lambda rows: f"{write_share(rows[0]['share'])} on {write_device(rows[0]['device'])}",
                [
                    Column("device", "Device", "device"),
                    Column("hours", "Hours", "decimal"),
                    Column("plays", "Plays", "count"),
                    Column("share", "Share", "share"),
                ],
                chart=lambda rows: charts.bars_chart(rows, "device", "hours", title="hours", also=["plays"]),
                note="Hours by kind of device.",
                is_half=True,
                about="devices",
                known_by="device",
            ),
            Block(
                "coverage",
                view.query(COVERAGE),
                _coverage_title,
                [
                    Column("attribute", "What"),
                    Column("share", "Known, of the time", "share"),
                    Column("hours", "Hours", "decimal"),
                ],
                chart=lambda rows: charts.bars_chart(
                    rows, "attribute", "share", title="share of music time", form=charts.SHARE
                ),
                note="Of how much of your music it is known, all time. Import a catalogue to know more.",
                is_half=True,
            ),
        ],
        links=[("The recap: a year as a story", view.to("/recap"))],
    )


def _total_title(rows: Rows) -> str:
    row = rows[0]
    per_day = row["ms_played"] / row["active_days"]
    return f"{write_hours(row['ms_played'])} on {plural(row['active_days'], 'day')}, {write_hours(per_day)} each"


def _compared_with(view: View) -> str:
    spans = parts.compared_spans(view.filters)
    if not spans:
        return "Choose a year or a period above to compare it with the one before."
    return "; ".join(f"{name}: {write_day(start)} to {write_day(end)}" for name, start, end in spans)


def _news_title(rows: Rows) -> str:
    def name(row: ResultRow) -> str:
        return f"{row['track']} by {row['artist']}"

    kinds = {row["news"]: row for row in reversed(rows)}
    if "obsession" in kinds:
        return f"{name(kinds['obsession'])} is your latest obsession"
    if "forgotten" in kinds:
        return f"You haven't played {name(kinds['forgotten'])} for long"
    return f"New to you: {name(rows[0])}"


def _coverage_title(rows: Rows) -> str:
    most, least = max(rows, key=_known_share), min(rows, key=_known_share)
    if not _known_share(most):
        return "No catalogue tells of your music yet"
    if _known_share(most) == _known_share(least):
        return f"{write_share(_known_share(most))} of your music is known in each respect"
    return (
        f"{most['attribute'].capitalize()} is known of {write_share(_known_share(most))}, {least['attribute']} of "
        f"{write_share(_known_share(least))}"
    )


def _known_share(row: ResultRow) -> float:
    return row["share"] or 0
