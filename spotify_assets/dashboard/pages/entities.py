"""One artist, track or album: its history, rank, hours, how its plays began and ended, what belongs to it."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, NotThereError, Page, View, picture_of
from spotify_assets.dashboard.formats import (
    WAYS,
    part_of_day,
    plural,
    write_count,
    write_day,
    write_device,
    write_hours,
    write_share,
    write_words,
    written,
)
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.queries import Query, ResultRow, Rows
from spotify_assets.dashboard.sources import DEVICES, KEYS, MEMBERS, heard_plays

SPOTIFY = "https://open.spotify.com"
METRICS = {"artist": "artist_metrics", "track": "track_metrics", "album": "album_metrics"}
LOCAL = "timezone($zone, m.first_played_at) AS first_played_at, timezone($zone, m.last_played_at) AS last_played_at"
ABOUT = {
    "artist": f"""
        SELECT m.* REPLACE ({LOCAL}), m.artist_name AS name, d.image_url, d.artist_id AS spotify_id, d.genres,
            d.popularity, d.followers
        FROM artist_metrics m JOIN dim_artist d USING (artist_key)
        WHERE m.listener = $listener AND artist_key = $key""",
    "track": f"""
        SELECT m.* REPLACE ({LOCAL}), m.track_name AS name, t.image_url, t.track_key AS spotify_id, t.genres,
            t.popularity, t.release_date,
            t.duration_ms, a.canonical_artist_key AS artist_key, b.canonical_album_key AS album_key, b.album_name
        FROM track_metrics m JOIN dim_track t USING (track_key) JOIN dim_artist a ON a.artist_key = t.artist_key
        JOIN dim_album b ON b.album_key = t.album_key
        WHERE m.listener = $listener AND m.recording_key = $key""",
    "album": f"""
        SELECT m.* REPLACE ({LOCAL}), m.album_name AS name, d.image_url, d.album_id AS spotify_id, d.genres,
            d.popularity, d.release_date,
            d.label, d.total_tracks, a.canonical_artist_key AS artist_key
        FROM album_metrics m JOIN dim_album d ON d.album_key = m.album_key
            JOIN dim_artist a ON a.artist_key = d.artist_key
        WHERE m.listener = $listener AND m.album_key = $key""",
}
NEIGHBOURS = """
    SELECT rank, {key} AS key, {name} AS name FROM {table}
    WHERE listener = $listener AND rank IN ($rank - 1, $rank + 1) ORDER BY rank
"""
RANKS = """
    SELECT year(period_start) AS year, rank, plays, ms_played / 3600000 AS hours FROM top_charts
    WHERE listener = $listener AND entity_type = $entity AND period_type = 'year' AND entity_key = $key
    ORDER BY year
"""
FOUND = f"""
    SELECT started_by, platform_family AS device FROM discoveries JOIN {DEVICES} USING (platform)
    WHERE listener = $listener AND entity_type = $entity AND entity_key = $key
"""
OPENED = """
    SELECT count(*) AS sessions, count(*) FILTER (session_type = 'album_run') AS runs
    FROM listening_sessions JOIN dim_recording r ON r.recording_key = first_recording_key
    WHERE listener = $listener AND r.canonical_recording_key = $key
"""


def artist_page(view: View, key: str) -> Page:
    """One artist."""
    about = _about(view, "artist", key)
    return _entity_page(
        view,
        "artist",
        about,
        lead=about["genres"] or "",
        crumbs=[("Charts", view.to("/charts"))],
        more=[
            parts.top_block(view, "track", 50, of="artist", key=about["artist_key"]),
            parts.top_block(view, "album", 50, of="artist", key=about["artist_key"]),
        ],
    )


def track_page(view: View, key: str) -> Page:
    """One recording."""
    about = _about(view, "track", key)
    crumbs = [("Charts", view.to("/charts", entity="track"))]
    if about["artist_key"] not in (-1, -2):
        crumbs.append((about["artist_name"], view.to(f"/artist/{about['artist_key']}")))
    if about["album_key"] not in (-1, -2):
        crumbs.append((about["album_name"], view.to(f"/album/{about['album_key']}")))
    length = f", {written(about['duration_ms'], 'minutes')}" if about["duration_ms"] else ""
    [opened] = view.rows(OPENED, key=about["recording_key"])
    return _entity_page(
        view,
        "track",
        about,
        lead=f"By {about['artist_name']}{length}",
        crumbs=crumbs,
        more=[],
        figures=[Figure("sessions that it opens", write_count(opened["sessions"]))],
    )


def album_page(view: View, key: str) -> Page:
    """One album."""
    about = _about(view, "album", key)
    crumbs = [("Charts", view.to("/charts", entity="album"))]
    if about["artist_key"] not in (-1, -2):
        crumbs.append((about["artist_name"], view.to(f"/artist/{about['artist_key']}")))
    said = [
        about["artist_name"],
        str(about["release_date"].year) if about["release_date"] else "",
        about["label"] or "",
    ]
    return _entity_page(
        view,
        "album",
        about,
        lead=", ".join(part for part in said if part),
        crumbs=crumbs,
        more=[parts.top_block(view, "track", 100, of="album", key=about["album_key"])],
    )


def _about(view: View, entity: str, key: str) -> ResultRow:
    """What the metric tables hold of the entity."""
    found = view.rows(ABOUT[entity], key=parts.key_in(key))
    if not found:
        raise NotThereError(f"{view.filters.listener.name} never heard this {entity}.")
    return found[0]


def _entity_page(
    view: View,
    entity: str,
    about: ResultRow,
    *,
    lead: str,
    crumbs: list[tuple[str, str]],
    more: list[Block],
    figures: list[Figure] | None = None,
) -> Page:
    column = KEYS[entity]
    key = about[column]
    plays = f"""
    WITH {heard_plays(view.filters).strip()},
    own AS (SELECT * FROM heard WHERE {MEMBERS[entity]})"""
    over_time = f"""{plays}
    SELECT date_trunc($step, date)::DATE AS start, sum(ms_played) / 3600000 AS hours, count(*) AS plays
    FROM own GROUP BY start ORDER BY start
    """
    hours = f"""{plays}
    SELECT hour, count(*) AS plays, sum(ms_played) / 3600000 AS hours FROM own GROUP BY hour ORDER BY hour
    """

    def reasons(of: str, name: str) -> Query:
        return view.query(
            f"""{plays}
    SELECT {parts.MEANINGS[of]} AS {name}, count(*) AS plays, count(*) / sum(count(*)) OVER () AS share, sum(ms_played)
        / 3600000 AS hours
    FROM own JOIN dim_reason ON reason_key = {of} GROUP BY {name} ORDER BY plays DESC, {name}
    """,
            key=key,
        )

    found = view.rows(FOUND, entity=entity, key=key)
    blocks = [
        Block(
            "figures",
            view.query(_figures_sql(view, entity), key=key),
            lambda rows: f"{write_hours(rows[0]['ms_played'])} in {plural(rows[0]['plays'], 'play')}",
            [
                Column("ms_played", "Time", "hours"),
                Column("plays", "Plays", "count"),
                Column("days", "Days", "count"),
                Column("share", "Share of music", "share"),
                Column("skip_rate", "Skipped", "share"),
                Column("shuffle_rate", "On shuffle", "share"),
            ],
            figures=lambda rows: [*_period_figures(rows[0]), *_life_figures(about, found), *(figures or [])],
            note="Rank, state, streaks and gaps are of all time; the others of the period.",
        ),
        parts.over_time_block(view, "history", over_time, "played it", key=key),
        Block(
            "ranks",
            view.query(RANKS, entity=entity, key=key),
            lambda rows: f"Best place of a year: {min(row['rank'] for row in rows)}",
            [
                Column("year", "Year"),
                Column("rank", "Place", "count"),
                Column("plays", "Plays", "count"),
                Column("hours", "Hours", "decimal"),
            ],
            chart=lambda rows: charts.lines_chart(
                "year",
                "rank",
                x_title="year",
                y_title="place",
                form=charts.WHOLE,
                lowest=max(row["rank"] for row in rows),
                dots=True,
            ),
            note="Its place on the chart of each year, by listening time.",
            empty="It was never on a year's chart.",
            is_half=True,
        ),
        Block(
            "hours",
            view.query(hours, key=key),
            _hours_title,
            [Column("hour", "Hour", "hour"), Column("plays", "Plays", "count"), Column("hours", "Hours", "decimal")],
            chart=lambda rows: charts.columns_chart(
                "hour",
                "plays",
                x_title="local hour of the day",
                y_title="plays",
                form=charts.WHOLE,
                ticks=range(0, 24, 3),
            ),
            note="Plays by hour of the day.",
            is_half=True,
        ),
        parts.survival_block(
            view,
            plays,
            "own WHERE content_type = 'track'",
            parts.early_ends_title,
            note="Of its plays, the share that lasted so long",
            key=key,
        ),
        Block(
            "starts",
            reasons("reason_start_key", "started"),
            lambda rows: f"How it begins: {rows[0]['started'].lower()}",
            [
                Column("started", "How it began"),
                Column("plays", "Plays", "count", bar=True),
                Column("share", "Share", "share"),
            ],
            is_half=True,
            about="how plays begin",
            known_by="started",
        ),
        Block(
            "ends",
            reasons("reason_end_key", "ended"),
            lambda rows: f"How it ends: {rows[0]['ended'].lower()}",
            [
                Column("ended", "How it ended"),
                Column("plays", "Plays", "count", bar=True),
                Column("share", "Share", "share"),
            ],
            is_half=True,
            about="how plays end",
            known_by="ended",
        ),
        *more,
    ]
    neighbours = view.rows(
        NEIGHBOURS.format(key=column, name=f"{entity}_name", table=METRICS[entity]), rank=about["rank"]
    )
    steps = [
        (
            view.to(f"/{entity}/{row['key']}"),
            f"← {row['rank']}. {row['name']}" if row["rank"] < about["rank"] else f"{row['rank']}. {row['name']} →",
        )
        for row in neighbours
    ]
    return Page(
        about["name"],
        blocks,
        lead=lead,
        crumbs=crumbs,
        links=[*_spotify(entity, about["spotify_id"]), *_elsewhere(view, entity, about)],
        picture=picture_of(about["name"], about["image_url"], are_covers_on=view.filters.covers),
        steps=steps,
    )


def _figures_sql(view: View, entity: str) -> str:
    return f"""
    WITH {heard_plays(view.filters).strip()},
    own AS (SELECT * FROM heard WHERE {MEMBERS[entity]})
    SELECT sum(ms_played)::BIGINT AS ms_played, count(*) AS plays, count(DISTINCT date) AS days,
        sum(ms_played) / nullif((SELECT sum(ms_played) FROM heard WHERE content_type = 'track'), 0) AS share,
        count(*) FILTER (skipped) / nullif(count(skipped), 0) AS skip_rate,
        count(*) FILTER (shuffle) / nullif(count(shuffle), 0) AS shuffle_rate,
        min(date) AS first_day, max(date) AS last_day
    FROM own HAVING count(*) > 0
    """


def _period_figures(row: ResultRow) -> list[Figure]:
    return [
        Figure("time", write_hours(row["ms_played"])),
        Figure("plays", write_count(row["plays"]), [f"on {plural(row['days'], 'day')}"]),
        Figure("of your music", written(row["share"], "share")),
        Figure("skipped", written(row["skip_rate"], "share")),
        Figure("on shuffle", written(row["shuffle_rate"], "share")),
    ]


def _life_figures(about: ResultRow, found: Rows) -> list[Figure]:
    return [
        Figure("rank", write_count(about["rank"]), [write_words(about["state"])]),
        Figure(
            "first heard",
            write_day(about["first_played_at"]),
            [
                f"{WAYS[row['started_by']]}, {write_device(row['device'])}"
                for row in found
                if row["started_by"] in WAYS
            ],
        ),
        Figure("last heard", write_day(about["last_played_at"])),
        Figure(
            "heard of a play",
            written(about["completion"], "share"),
            [f"length known of {write_share(about['length_coverage'] or 0)}"],
        ),
        Figure(
            "longest streak",
            plural(about["longest_streak_days"], "day"),
            [f"longest gap {plural(about['longest_gap_days'], 'day')}"],
        ),
        Figure("chosen by you", written(about["deliberate_share"], "share")),
    ]


def _hours_title(rows: Rows) -> str:
    sums: dict[str, int] = {}
    for row in rows:
        sums[part_of_day(row["hour"])] = sums.get(part_of_day(row["hour"]), 0) + row["plays"]
    part = max(sums, key=lambda one: sums[one])
    return (
        f"Played mostly {'at' if part == 'night' else 'in the'} {part}: {write_share(sums[part] / sum(sums.values()))}"
    )


def _elsewhere(view: View, entity: str, about: ResultRow) -> list[tuple[str, str]]:
    """Pages that say more: the day with most plays, a comparison."""
    links = []
    if about["best_day"]:
        links.append(
            (f"Best day: {write_day(about['best_day'])}", view.to("/day", date=f"{about['best_day']:%Y-%m-%d}"))
        )
    if entity == "artist":
        links.append(("Compare", view.to("/compare", mode="artists", a=about["artist_key"])))
    return links


def _spotify(entity: str, identity: str | None) -> list[tuple[str, str]]:
    """Spotify's page, where the id is known: 22 characters; others stand for names."""
    if identity and len(identity) == 22 and identity.isascii() and identity.isalnum():
        return [("Open in Spotify", f"{SPOTIFY}/{entity}/{identity}")]
    return []
