"""Spoken: podcasts and audiobooks, their episodes, how much of them was heard; and one show."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, NotThereError, Page, View, picture_of
from spotify_assets.dashboard.formats import plural, write_count, write_day, write_hours, written
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Rows

SHOWS = """
    SELECT show_name AS show, CASE content_type WHEN 'episode' THEN 'podcast' ELSE content_type END AS kind,
        episodes, episodes_finished, ms_played, completion, lengths_known,
        longest_binge, longest_binge_on, timezone($zone, last_played_at)::DATE AS last_heard, show_key
    FROM show_metrics WHERE listener = $listener ORDER BY rank
"""
UNFINISHED = """
    SELECT episode_name AS episode, show_name AS show, completion, ms_played, parts, timezone($zone,
        last_played_at)::DATE AS last_heard
    FROM episode_metrics WHERE listener = $listener AND NOT finished AND ms_played >= 300000
    ORDER BY last_played_at DESC, episode_key LIMIT 200
"""
EPISODES = """
    SELECT e.episode_name AS episode, e.ms_played, e.parts, e.days, e.finished, e.completion,
        timezone($zone, e.first_played_at)::DATE AS first_heard, d.episode_uri
    FROM episode_metrics e JOIN dim_episode d USING (episode_key)
    WHERE e.listener = $listener AND e.show_name = $show AND e.content_type = $type
    ORDER BY e.first_played_at, e.episode_key
"""
ABOUT = "SELECT * FROM show_metrics WHERE listener = $listener AND show_key = $key"
OVER_TIME = """
    SELECT date_trunc($step, date)::DATE AS start, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays
    FROM daily_spoken_plays {join}
    WHERE listener = $listener AND date BETWEEN $start AND $end{where} GROUP BY start ORDER BY start
"""
SHARE = """
    SELECT year(date) AS year, sum(spoken_ms_played) / nullif(sum(ms_played), 0) AS share,
        sum(spoken_ms_played) / 3600000 AS hours
    FROM daily_listening WHERE listener = $listener GROUP BY year HAVING sum(spoken_ms_played) > 0 ORDER BY year
"""


# Whether ends are known; also of a listener without spoken word, of whom there is nothing to know.
ENDS = """
    SELECT coalesce(bool_or(finished OR completion IS NOT NULL), true) AS are_known
    FROM episode_metrics WHERE listener = $listener
"""


HEARD = " “Heard” is the mean share of an episode, of those whose length is known."


def spoken_page(view: View) -> Page:
    """Shows, hours over time, share of listening, what was left unfinished."""
    are_ends_known = bool(view.rows(ENDS)[0]["are_known"])
    ends = [Column("episodes_finished", "Finished", "count"), Column("completion", "Heard", "share")]
    return Page(
        "Spoken",
        [
            Block(
                "shows",
                view.query(SHOWS),
                lambda rows: f"{rows[0]['show']} was heard longest: {write_hours(rows[0]['ms_played'])}",
                [
                    Column("show", "Show", link=view.link("/show", "show_key")),
                    Column("kind", "What"),
                    Column("episodes", "Episodes", "count"),
                    Column("ms_played", "Time", "hours", bar=True),
                    *(ends if are_ends_known else []),
                    Column("longest_binge", "Longest binge", "count"),
                    Column("last_heard", "Last heard", "day"),
                ],
                note=f"All time. A binge is different episodes in a day.{HEARD if are_ends_known else ''}",
                empty="No podcast or audiobook was heard.",
            ),
            parts.over_time_block(view, "over-time", OVER_TIME.format(join="", where=""), "listened to spoken word"),
            Block(
                "share",
                view.query(SHARE),
                _spoken_share_title,
                [Column("year", "Year"), Column("share", "Spoken", "share"), Column("hours", "Hours", "decimal")],
                chart=lambda rows: charts.columns_chart(
                    "year", "share", x_title="year", y_title="share of the time", form=charts.SHARE
                ),
                note="Spoken word, of each year's time.",
                empty="No podcast or audiobook was heard.",
                is_half=True,
            ),
            *([_unfinished(view)] if are_ends_known else []),
        ],
        unknown=[] if are_ends_known else ["what was heard to the end"],
    )


def _unfinished(view: View) -> Block:
    return Block(
        "unfinished",
        view.query(UNFINISHED),
        lambda rows: f"You left {rows[0]['episode']} unfinished",
        [
            Column("episode", "Episode"),
            Column("show", "Show"),
            Column("completion", "Heard", "share"),
            Column("ms_played", "Time", "minutes"),
            Column("last_heard", "Last heard", "day"),
        ],
        note="Heard for five minutes or more, and not to the end; latest first.",
        empty="You finish what you begin.",
        shown=10,
        is_half=True,
    )


def show_page(view: View, key: str) -> Page:
    """One podcast or audiobook."""
    found = view.rows(ABOUT, key=parts.key_in(key))
    if not found:
        raise NotThereError(f"{view.filters.listener.name} never heard this show.")
    [about] = found
    are_ends_known = bool(view.rows(ENDS)[0]["are_known"])
    ends = [Column("finished", "Finished", "yes"), Column("completion", "Heard", "share")]
    values = {"show": about["show_name"], "type": about["content_type"]}
    return Page(
        about["show_name"],
        [
            Block(
                "figures",
                view.query(ABOUT, key=about["show_key"]),
                lambda rows: f"{write_hours(rows[0]['ms_played'])} in {plural(rows[0]['episodes'], 'episode')}",
                [
                    Column("ms_played", "Time", "hours"),
                    Column("episodes", "Episodes", "count"),
                    Column("plays", "Plays", "count"),
                ],
                figures=lambda rows: [
                    Figure("time", write_hours(rows[0]["ms_played"])),
                    Figure(
                        "episodes",
                        write_count(rows[0]["episodes"]),
                        [
                            *([f"{write_count(rows[0]['episodes_finished'])} finished"] if are_ends_known else []),
                            f"{write_count(rows[0]['episodes_resumed'])} in parts",
                        ],
                    ),
                    Figure(
                        "heard of an episode",
                        written(rows[0]["completion"], "share"),
                        [f"length known of {write_count(rows[0]['lengths_known'])}"],
                    ),
                    Figure("days", write_count(rows[0]["days"])),
                    Figure(
                        "longest binge",
                        plural(rows[0]["longest_binge"], "episode"),
                        [write_day(rows[0]["longest_binge_on"])] if rows[0]["longest_binge_on"] else [],
                    ),
                    Figure("rank", write_count(rows[0]["rank"])),
                ],
                note="All time.",
            ),
            parts.over_time_block(
                view,
                "history",
                OVER_TIME.format(
                    join="JOIN dim_episode e USING (episode_key)",
                    where=" AND e.show_name = $show AND e.content_type = $type",
                ),
                "heard it",
                **values,
            ),
            Block(
                "episodes",
                view.query(EPISODES, **values),
                _episodes_title if are_ends_known else lambda rows: plural(len(rows), "episode"),
                [
                    Column("episode", "Episode"),
                    Column("first_heard", "First heard", "day"),
                    Column("ms_played", "Time", "minutes", bar=True),
                    Column("parts", "Parts", "count"),
                    *(ends if are_ends_known else []),
                ],
                note="In the order in which they were first heard.",
                shown=100,
            ),
        ],
        lead="Audiobook" if about["content_type"] == "audiobook" else "Podcast",
        crumbs=[("Spoken", view.to("/spoken"))],
        picture=picture_of(about["show_name"], None, are_covers_on=False),
    )


def _spoken_share_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["share"] or 0)
    if len(rows) == 1:
        return f"{written(most['share'], 'share')} of the time in {most['year']} was spoken word"
    return f"You heard most spoken word in {most['year']}: {written(most['share'], 'share')}"


def _episodes_title(rows: Rows) -> str:
    finished = sum(row["finished"] for row in rows)
    return f"{write_count(finished)} of {plural(len(rows), 'episode')} heard to the end"
