"""People: how alike the listeners of the lake are, what they share, and who heard it first."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import MS_PER_HOUR, write_hours, write_share
from spotify_assets.dashboard.queries import Rows

AFFINITY = """
    SELECT listener_a, listener_b, entity_type, shared, cosine, shared_minimum, rank_weighted FROM listener_affinity
    ORDER BY listener_a, listener_b, list_position(['artist', 'album', 'track'], entity_type)
"""
FAVOURITES = """
    SELECT if(listener_a = $listener, listener_b, listener_a) AS other, entity_type AS kind, favourite, first_by FROM (
        SELECT listener_a, listener_b, entity_type, unnest(shared_favourites) AS favourite,
            unnest(heard_first_by) AS first_by,
            generate_subscripts(shared_favourites, 1) AS place
        FROM listener_affinity WHERE entity_type <> 'album' AND $listener IN (listener_a, listener_b)
    ) ORDER BY other, kind, place
"""
HOURS = """
    SELECT year(date)::VARCHAR AS year, listener, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays
    FROM daily_listening WHERE date BETWEEN $start AND $end GROUP BY ALL ORDER BY year, listener
"""
TOTALS = """
    SELECT listener, ms_played, plays, artists, tracks, effective_artists, skip_rate FROM period_listening
    WHERE period_type = 'all' ORDER BY ms_played DESC, listener
"""


def people_page(view: View) -> Page:
    """All listeners side by side."""
    return Page(
        "People",
        [
            Block(
                "listeners",
                view.query(TOTALS),
                lambda rows: f"{rows[0]['listener']} listens most: {write_hours(rows[0]['ms_played'])}",
                [
                    Column("listener", "Listener", link=lambda row: view.to("/", listener=row["listener"])),
                    Column("ms_played", "Time", "hours", bar=True),
                    Column("plays", "Plays", "count"),
                    Column("artists", "Artists", "count"),
                    Column("tracks", "Tracks", "count"),
                    Column("effective_artists", "Effective artists", "decimal"),
                    Column("skip_rate", "Skipped", "share"),
                ],
                note="All time. Effective artists: as many with equal time each would be as diverse.",
            ),
            Block(
                "years",
                view.query(HOURS),
                _years_title,
                [
                    Column("year", "Year"),
                    Column("listener", "Listener"),
                    Column("hours", "Hours", "decimal"),
                    Column("plays", "Plays", "count"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "year", "hours", x_title="year", y_title="hours", color="listener", is_grouped=True
                ),
                note="Hours by year and listener, in the days of the period.",
                shown=100,
            ),
            Block(
                "affinity",
                view.query(AFFINITY),
                _affinity_title,
                [
                    Column("listener_a", "Listener"),
                    Column("listener_b", "And"),
                    Column("entity_type", "By"),
                    Column("shared", "Shared", "count"),
                    Column("cosine", "Similarity", "share", bar=True),
                    Column("shared_minimum", "Time in common", "share"),
                    Column("rank_weighted", "Same tops", "share"),
                ],
                note="All time. Similarity is the cosine of the times by entity; time in common adds up the smaller "
                "share of each; same tops weighs the first places most.",
                empty="There is one listener only: import somebody else's history to compare.",
            ),
            Block(
                "favourites",
                view.query(FAVOURITES),
                _favourites_title,
                [
                    Column("other", "With"),
                    Column("kind", "What"),
                    Column("favourite", "Shared favourite"),
                    Column("first_by", "Heard first by"),
                ],
                note="What both spend most of their time on.",
                empty="There are no shared favourites.",
                shown=20,
            ),
        ],
    )


def _years_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["hours"])
    hours = write_hours(most["hours"] * MS_PER_HOUR)
    return f"The year of most listening was {most['listener']}'s {most['year']}: {hours}"


def _affinity_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["cosine"] or 0)
    return (
        f"{most['listener_a']} and {most['listener_b']} are most alike, by {most['entity_type']}: "
        f"{write_share(most['cosine'] or 0)}"
    )


def _favourites_title(rows: Rows) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["first_by"]] = counts.get(row["first_by"], 0) + 1
    first = max(counts, key=lambda name: counts[name])
    which = f"{counts[first]} of {len(rows)}" if counts[first] < len(rows) else f"all {len(rows)}"
    return f"{first} heard {which} shared favourites first"
