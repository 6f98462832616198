"""Playlists: what is on them, what entered and left, what is never played; and one playlist."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, NotThereError, Page, View, picture_of
from spotify_assets.dashboard.formats import plural, write_count, write_day, write_share, written
from spotify_assets.dashboard.pages import parts
from spotify_assets.dashboard.pages.entities import SPOTIFY
from spotify_assets.dashboard.queries import Rows

LISTS = """
    SELECT m.playlist_name AS playlist, m.tracks, m.hours, m.artists, m.entries_per_30_days, m.exits_per_30_days,
        m.half_life_days, m.favourites_share, m.last_snapshot_on, m.playlist_key, d.image_url
    FROM playlist_metrics m JOIN dim_playlist d ON d.playlist_key = m.playlist_key AND d.is_current
    ORDER BY m.tracks DESC, m.playlist_key
"""
OVERLAPS = """
    SELECT name_a, name_b, shared, jaccard, playlist_a AS a_key, playlist_b AS b_key FROM playlist_overlap
    ORDER BY jaccard DESC, playlist_a, playlist_b LIMIT 200
"""
CHANGES = """
    SELECT c.snapshot_date, d.playlist_name AS playlist, c.change, c.name AS track, c.artist_name AS artist,
        c.position + 1 AS place, c.places_up, c.playlist_key, t.track_uri, t.duration_ms, t.image_url,
        r.canonical_recording_key AS recording_key
    FROM playlist_changes c JOIN dim_playlist d ON d.playlist_key = c.playlist_key AND d.is_current
    LEFT JOIN dim_track t USING (track_key) LEFT JOIN dim_recording r ON r.recording_key = t.recording_key
    WHERE {where} ORDER BY c.snapshot_date DESC, c.change, c.position, c.content_key LIMIT 500
"""
DEAD = """
    SELECT i.track_name AS track, i.artist_name AS artist, d.playlist_name AS playlist, i.listed_since, i.days_listed,
        i.days_since_last_play, i.playlist_key, i.recording_key, t.track_uri, t.duration_ms, t.image_url,
        a.canonical_artist_key AS artist_key
    FROM playlist_impact i JOIN dim_playlist d ON d.playlist_key = i.playlist_key AND d.is_current
    JOIN dim_track t ON t.track_key = i.content_key JOIN dim_artist a ON a.artist_key = t.artist_key
    WHERE is_dead_weight{where} ORDER BY i.days_listed DESC, i.playlist_key, i.content_key LIMIT 500
"""
UPLIFT = """
    SELECT d.playlist_name AS playlist, sum(plays_before)::BIGINT AS plays_before,
        sum(plays_after)::BIGINT AS plays_after,
        sum(uplift)::BIGINT AS uplift, count(uplift) AS tracks, i.playlist_key
    FROM playlist_impact i JOIN dim_playlist d ON d.playlist_key = i.playlist_key AND d.is_current
    WHERE uplift IS NOT NULL GROUP BY ALL ORDER BY uplift DESC, playlist
"""
BUCKETS = """
    SELECT position_bucket AS place, sum(skips_since) / nullif(sum(skips_known_since), 0) AS skip_rate,
        sum(plays_since) / count(*) AS plays_each, count(*) AS tracks
    FROM playlist_impact WHERE position_bucket IS NOT NULL
    GROUP BY place ORDER BY list_position(['1-10', '11-30', '31-100', '101+'], place)
"""
ABOUT = """
    SELECT m.*, d.playlist_id, d.description, d.image_url, d.kind FROM playlist_metrics m
    JOIN dim_playlist d ON d.playlist_key = m.playlist_key AND d.is_current WHERE m.playlist_key = $key
"""
ON_IT = """
    SELECT p.current_position + 1 AS place, p.name AS track, p.artist_name AS artist, p.first_seen_on, i.plays_since,
        i.skip_rate, i.uplift, t.track_uri, t.duration_ms, t.image_url, r.canonical_recording_key AS recording_key,
        a.canonical_artist_key AS artist_key
    FROM playlist_track_tenure p LEFT JOIN dim_track t USING (track_key)
    LEFT JOIN dim_recording r ON r.recording_key = t.recording_key LEFT
        JOIN dim_artist a ON a.artist_key = t.artist_key
    LEFT JOIN playlist_impact i ON i.playlist_key = p.playlist_key AND i.recording_key = r.canonical_recording_key
    WHERE p.playlist_key = $key AND p.is_current ORDER BY place, p.content_key
"""
UNKNOWN = "To see what of them is played, import your listening history."
ARE_PLAYS_KNOWN = "SELECT 1 FROM playlist_impact LIMIT 1"
SIZES = """
    SELECT snapshot_date AS start, count(*) AS items FROM fct_playlist_tracks WHERE playlist_key = $key
    GROUP BY start ORDER BY start
"""


def playlists_page(view: View) -> Page:
    """All playlists, their changes, dead weight, uplift and overlaps."""
    is_known = bool(view.rows(ARE_PLAYS_KNOWN))
    link = view.link("/playlist", "playlist_key")
    return Page(
        "Playlists",
        has_period=False,
        lead=UNKNOWN if not is_known and view.rows("SELECT 1 FROM playlist_metrics LIMIT 1") else "",
        blocks=[
            Block(
                "playlists",
                view.query(LISTS),
                _lists_title,
                [
                    Column("playlist", "Playlist", link=link),
                    Column("tracks", "Tracks", "count"),
                    Column("hours", "Hours", "decimal"),
                    Column("entries_per_30_days", "In per month", "decimal"),
                    Column("exits_per_30_days", "Out per month", "decimal"),
                    Column("half_life_days", "Half-life in days", "count"),
                    Column("favourites_share", "Of your top 100", "share"),
                ],
                note="As of each one's latest snapshot. After its half-life, half of what was on it is gone.",
                empty="No playlist was captured: see spotify-assets snapshot, or import your account data.",
                pictures=True,
            ),
            Block(
                "changes",
                view.query(CHANGES.format(where="c.change <> 'moved'")),
                _changes_title,
                [
                    Column("snapshot_date", "Day", "day"),
                    Column("playlist", "Playlist", link=link),
                    Column("change", "What"),
                    Column("track", "Track", link=view.link("/track", "recording_key")),
                    Column("artist", "Artist"),
                    Column("place", "Place", "count"),
                ],
                note="What entered and left, latest first.",
                empty="Nothing entered or left between snapshots.",
                shown=20,
            ),
            *(_blocks_of_plays(view) if is_known else []),
            Block(
                "overlaps",
                view.query(OVERLAPS),
                lambda rows: f"{rows[0]['name_a']} and {rows[0]['name_b']} share {write_count(rows[0]['shared'])}",
                [
                    Column("name_a", "Playlist", link=view.link("/playlist", "a_key")),
                    Column("name_b", "And", link=view.link("/playlist", "b_key")),
                    Column("shared", "Shared", "count"),
                    Column("jaccard", "Of both", "share", bar=True),
                ],
                note="Tracks that both have, of those that either has (the Jaccard index).",
                empty="No two playlists share a track.",
                shown=10,
            ),
        ],
    )


def _blocks_of_plays(view: View) -> list[Block]:
    """What is played of all playlists, and what isn't."""
    link = view.link("/playlist", "playlist_key")
    return [
        Block(
            "dead-weight",
            view.query(DEAD.format(where="")),
            lambda rows: f"{plural(len(rows), 'track')} you keep and never play",
            [
                *parts.name_columns(view, "track"),
                Column("playlist", "Playlist", link=link),
                Column("days_listed", "Days on it", "count", bar=True),
                Column("days_since_last_play", "Days since a play", "count"),
            ],
            note="On a playlist for 90 days or more, and not played since.",
            empty="Everything on your playlists is played.",
            shown=20,
        ),
        Block(
            "uplift",
            view.query(UPLIFT),
            _uplift_title,
            [
                Column("playlist", "Playlist", link=link),
                Column("tracks", "Tracks", "count"),
                Column("plays_before", "28 days before", "count"),
                Column("plays_after", "28 days after", "count"),
                Column("uplift", "Uplift", "change"),
            ],
            note="Plays before and after a track was added.",
            empty="It is not known when tracks were added.",
            is_half=True,
        ),
        Block(
            "places",
            view.query(BUCKETS),
            lambda rows: f"The top of a playlist is played {rows[0]['plays_each']:.1f} times a track",
            [
                Column("place", "Place"),
                Column("plays_each", "Plays each", "decimal"),
                Column("skip_rate", "Skipped", "share"),
                Column("tracks", "Tracks", "count"),
            ],
            chart=lambda rows: charts.columns_chart(
                "place", "plays_each", x_title="place on the playlist", y_title="plays per track"
            ),
            note="Plays since a track was added.",
            empty="Nothing is on these playlists.",
            is_half=True,
        ),
    ]


def playlist_page(view: View, key: str) -> Page:
    """One playlist."""
    found = view.rows(ABOUT, key=parts.key_in(key))
    if not found:
        raise NotThereError("There is no snapshot of this playlist.")
    [about] = found
    is_known = bool(view.rows(ARE_PLAYS_KNOWN))
    number = about["playlist_key"]
    identity = about["playlist_id"]
    is_spotifys = len(identity) == 22 and identity.isascii() and identity.isalnum()
    return Page(
        about["playlist_name"],
        [
            Block(
                "figures",
                view.query(ABOUT, key=number),
                lambda rows: f"{plural(rows[0]['tracks'], 'track')} by {plural(rows[0]['artists'], 'artist')}",
                [
                    Column("tracks", "Tracks", "count"),
                    Column("artists", "Artists", "count"),
                    Column("snapshots", "Snapshots", "count"),
                ],
                figures=lambda rows: [
                    Figure(
                        "tracks", write_count(rows[0]["tracks"]), [f"{write_count(rows[0]['contents_ever'])} ever"]
                    ),
                    Figure(
                        "hours",
                        written(rows[0]["hours"], "decimal"),
                        [f"length known of {write_count(rows[0]['length_known'])}"],
                    ),
                    Figure("in per month", written(rows[0]["entries_per_30_days"], "decimal")),
                    Figure("out per month", written(rows[0]["exits_per_30_days"], "decimal")),
                    Figure("half-life", written(rows[0]["half_life_days"], "count"), ["days"]),
                    Figure("of your top 100", written(rows[0]["favourites_share"], "share")),
                    Figure(
                        "snapshots",
                        write_count(rows[0]["snapshots"]),
                        [f"the last on {write_day(rows[0]['last_snapshot_on'])}"],
                    ),
                ],
            ),
            Block(
                "size",
                view.query(SIZES, key=number),
                _size_title,
                [Column("start", "Day", "day"), Column("items", "Items", "count")],
                chart=lambda rows: charts.lines_chart(
                    "start",
                    "items",
                    x_title="day of the snapshot",
                    y_title="items",
                    time="%-d %b %Y",
                    form=charts.WHOLE,
                    dots=len(rows) < 60,
                ),
                note="Items by snapshot.",
            ),
            Block(
                "tracks",
                view.query(ON_IT, key=number),
                "On it now",
                [
                    Column("place", "#", "count"),
                    *parts.name_columns(view, "track"),
                    Column("first_seen_on", "Since", "day"),
                    *(
                        [
                            Column("plays_since", "Plays since", "count", bar=True),
                            Column("skip_rate", "Skipped", "share"),
                        ]
                        if is_known
                        else []
                    ),
                ],
                note="In the order of the playlist; plays are of SPOTIFY_ASSETS_LISTENER, or of whoever heard most."
                if is_known
                else "In the order of the playlist.",
                shown=25,
                pictures=True,
                empty="It is empty.",
            ),
            Block(
                "changes",
                view.query(CHANGES.format(where="c.playlist_key = $key"), key=number),
                _changes_title,
                [
                    Column("snapshot_date", "Day", "day"),
                    Column("change", "What"),
                    Column("track", "Track", link=view.link("/track", "recording_key")),
                    Column("artist", "Artist"),
                    Column("place", "Place", "count"),
                    Column("places_up", "Moved", "change"),
                ],
                empty="Nothing changed between snapshots.",
                shown=10,
            ),
            *([_dead_weight_block(view, number)] if is_known else []),
        ],
        lead=about["description"] or "",
        crumbs=[("Playlists", view.to("/playlists"))],
        has_period=False,
        links=[("Open in Spotify", f"{SPOTIFY}/playlist/{identity}")] if is_spotifys else [],
        picture=picture_of(about["playlist_name"], about["image_url"], are_covers_on=view.filters.covers),
    )


def _dead_weight_block(view: View, key: int) -> Block:
    return Block(
        "dead-weight",
        view.query(DEAD.format(where=" AND i.playlist_key = $key"), key=key),
        lambda rows: f"{plural(len(rows), 'track')} you keep and never play",
        [
            *parts.name_columns(view, "track"),
            Column("days_listed", "Days on it", "count", bar=True),
            Column("days_since_last_play", "Days since a play", "count"),
        ],
        empty="Nothing that has been on it for 90 days is unplayed.",
    )


def _size_title(rows: Rows) -> str:
    first, last = rows[0]["items"], rows[-1]["items"]
    return plural(last, "item") if first == last else f"From {plural(first, 'item')} to {write_count(last)}"


def _lists_title(rows: Rows) -> str:
    return (
        f"{plural(len(rows), 'playlist')}; the longest is {rows[0]['playlist']} with "
        f"{plural(rows[0]['tracks'], 'track')}"
    )


def _changes_title(rows: Rows) -> str:
    latest = rows[0]["snapshot_date"]
    entered, left = (
        sum(row["change"] == change and row["snapshot_date"] == latest for row in rows)
        for change in ("entered", "left")
    )
    return f"{write_count(entered)} entered and {write_count(left)} left by {write_day(latest)}"


def _uplift_title(rows: Rows) -> str:
    before, after = (sum(row[name] for row in rows) for name in ("plays_before", "plays_after"))
    if not before:
        return f"{plural(after, 'play')} in the four weeks after tracks were added"
    return (
        f"Tracks are played {write_share(abs(after / before - 1))} {'more' if after >= before else 'less'} once "
        "they are on a playlist"
    )
