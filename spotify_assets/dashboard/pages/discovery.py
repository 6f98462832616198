"""Discovery: what was new, what of it stayed, how it was found, and what is forgotten."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import plural, write_share, write_way
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Rows
from spotify_assets.dashboard.sources import played_tracks

NEW_BY_STEP = """
    SELECT date_trunc($step, discovered_on)::DATE AS start, count(*) FILTER (entity_type = 'artist') AS artists,
        count(*) FILTER (entity_type = 'track') AS tracks
    FROM discoveries WHERE listener = $listener AND discovered_on BETWEEN $start AND $end
    GROUP BY start ORDER BY start
"""
COHORTS = """
    SELECT year(cohort_month) || ' Q' || quarter(cohort_month) AS cohort, months_since,
        sum(still_played) / sum(entities) AS share, sum(entities)::BIGINT AS artists,
            sum(still_played)::BIGINT AS still_played
    FROM discovery_cohorts
    WHERE listener = $listener AND entity_type = 'artist' AND months_since BETWEEN 1 AND 24
        AND cohort_month BETWEEN date_trunc('month', $start) AND $end
    GROUP BY ALL HAVING sum(entities) >= 5 ORDER BY cohort, months_since
"""
FOUND = """
    SELECT started_by AS how, count(*) AS tracks, avg(became_regular::INT) AS regular, avg(total_plays) AS plays_each
    FROM discoveries WHERE listener = $listener AND entity_type = 'track' AND discovered_on BETWEEN $start AND $end
    GROUP BY started_by ORDER BY tracks DESC, how
"""
FINDS = """
    SELECT d.name AS artist, d.discovered_on, d.started_by AS how, d.plays_in_90_days, d.total_plays AS plays,
        d.entity_key AS artist_key, a.image_url
    FROM discoveries d JOIN dim_artist a ON a.artist_key = d.entity_key
    WHERE d.listener = $listener AND d.entity_type = 'artist' AND d.discovered_on BETWEEN $start AND $end
    ORDER BY d.total_plays DESC, d.entity_key LIMIT 200
"""
FORGOTTEN = """
    SELECT m.track_name AS track, m.artist_name AS artist, m.total_plays AS plays, m.best_month,
        timezone($zone, m.last_played_at)::DATE AS last_heard, m.recording_key, a.canonical_artist_key AS artist_key,
            t.track_uri,
        t.duration_ms, t.image_url
    FROM track_metrics m JOIN dim_track t USING (track_key) JOIN dim_artist a ON a.artist_key = t.artist_key
    WHERE m.listener = $listener AND m.state = 'forgotten'
    ORDER BY plays DESC, m.recording_key LIMIT 500
"""


def discovery_page(view: View) -> Page:
    """New artists over time, new against known, cohorts, ways of finding, finds, forgotten favourites."""
    step, form = parts.step_of(view.filters)
    days = parts.DAYS_OF_STEP[step]
    # From plays to sums by day at once: sums by day and artist are nearly as many as plays.
    new_share = f"""
    WITH {played_tracks(view.filters).strip()},
    found AS (
        SELECT a.artist_key, d.discovered_on + 90 AS known_from
        FROM discoveries d JOIN dim_artist a ON a.canonical_artist_key = d.entity_key
        WHERE d.listener = $listener AND d.entity_type = 'artist'
    ),
    daily AS (
        SELECT date, sum(ms_played) AS ms_played, sum(ms_played) FILTER (date < known_from) AS new_ms_played
        FROM played JOIN found USING (artist_key) GROUP BY date
    )
    SELECT date_trunc($step, date)::DATE AS start, sum(new_ms_played) / nullif(sum(ms_played), 0) AS share,
        coalesce(sum(new_ms_played), 0) / 3600000 AS hours
    FROM daily GROUP BY start ORDER BY start
    """
    return Page(
        "Discovery",
        [
            Block(
                "new",
                view.query(NEW_BY_STEP, step=step),
                _new_title,
                [
                    Column("start", step.capitalize(), "month" if step == "month" else "day"),
                    Column("artists", "New artists", "count"),
                    Column("tracks", "New tracks", "count"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "start",
                    "artists",
                    x_title=step,
                    y_title=f"new artists per {step}",
                    time=form,
                    form=charts.WHOLE,
                    days=days,
                ),
                note=f"Artists and tracks heard for the first time ever, by {step}.",
                shown=400,
                empty="Nothing new was heard in this period.",
            ),
            Block(
                "new-share",
                view.query(new_share, step=step),
                _share_title,
                [
                    Column("start", step.capitalize(), "month" if step == "month" else "day"),
                    Column("share", "Of artists new within 90 days", "share"),
                    Column("hours", "Hours", "decimal"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "start",
                    "share",
                    x_title=step,
                    y_title="share of music time",
                    time=form,
                    form=charts.SHARE,
                    days=days,
                ),
                note="Share of your music by artists whom you had first heard in the 90 days before. It is high in "
                "the first months of a history: all is new then.",
                shown=400,
                empty="No music was heard in this period.",
            ),
            Block(
                "cohorts",
                view.query(COHORTS),
                _cohort_title,
                [
                    Column("cohort", "Discovered in"),
                    Column("months_since", "Months since", "count"),
                    Column("share", "Still played", "share"),
                    Column("artists", "Artists", "count"),
                ],
                chart=lambda rows: charts.cohorts_chart(),
                note="Of the artists that you discovered in a quarter, the share with a play so many months later; "
                "quarters of fewer than five are left out.",
                shown=400,
                empty="There are no discoveries a month old in this period.",
            ),
            Block(
                "found",
                view.query(FOUND),
                _found_title,
                [
                    Column("how", "First play", "way"),
                    Column("tracks", "Tracks", "count", bar=True),
                    Column("regular", "Became regular", "share"),
                    Column("plays_each", "Plays each", "decimal"),
                ],
                note="How a track's first play began, and how many had ten plays since.",
                is_half=True,
                about="how tracks were found",
                known_by="how",
            ),
            Block(
                "finds",
                view.query(FINDS),
                lambda rows: f"{rows[0]['artist']} is your find of this period",
                [
                    Column("artist", "Artist", link=view.link("/artist", "artist_key")),
                    Column("discovered_on", "First heard", "day"),
                    Column("plays", "Plays since", "count", bar=True),
                ],
                note="Artists first heard in this period, by plays since.",
                shown=10,
                pictures=True,
                is_half=True,
                empty="No new artist was heard in this period.",
            ),
            Block(
                "forgotten",
                view.query(FORGOTTEN),
                lambda rows: f"{plural(len(rows), 'favourite')} you haven't played for half a year",
                [
                    *parts.name_columns(view, "track"),
                    Column("plays", "Plays", "count", bar=True),
                    Column("best_month", "Best month", "month"),
                    Column("last_heard", "Last heard", "day"),
                ],
                note="15 plays or more, none in the last 180 days (unless set otherwise), as of your last day. Take "
                "them along: M3U and URIs below.",
                empty="You have forgotten nothing.",
                pictures=True,
            ),
        ],
    )


def _new_title(rows: Rows) -> str:
    total = sum(row["artists"] for row in rows)
    most = max(rows, key=lambda row: row["artists"])
    return f"{plural(total, 'new artist')}, {'the most ' * (len(rows) > 1)}around {most['start']:%B %Y}"


def _share_title(rows: Rows) -> str:
    later = rows[3:] or rows
    total = sum(row["hours"] for row in later)
    whole = sum(row["hours"] / row["share"] for row in later if row["share"])
    return f"{parts.part_as_share(total, whole)} of the time went to artists who were new to you"


def _cohort_title(rows: Rows) -> str:
    year = [row for row in rows if row["months_since"] == 12]
    if not year:
        return "What you discovered is too young to have been left"
    return (
        f"{parts.part_as_share(sum(row['still_played'] for row in year), sum(row['artists'] for row in year))} of new "
        "artists are still played a year later"
    )


def _found_title(rows: Rows) -> str:
    best = max((row for row in rows if row["tracks"] >= 10), key=lambda row: row["regular"], default=rows[0])
    return f"Tracks whose first play was {write_way(best['how'])} stay most often: {write_share(best['regular'])}"
