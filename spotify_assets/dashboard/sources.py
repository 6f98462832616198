"""The plays that filters leave, as common table expressions for the pages' queries.

Sums of all time, by day and by hour answer where they can. They hold no lengths of single plays and no private
sessions by track, so other filters read `fct_plays`. All have the same columns and give the same numbers.
"""

from collections.abc import Sequence

from spotify_assets.dashboard.filters import ALL, MUSIC, SPOKEN, Filters

DAYS = "BETWEEN $start AND $end"
LISTENER_KEY = "(SELECT listener_key FROM dim_listener WHERE listener = $listener)"
HOUR_MEASURES = ("plays", "ms_played", "skips", "skips_known", "shuffles", "shuffles_known")
# Kinds of devices by name. Several members of the dimension are named `unknown`: joined as it is, plays count twice.
DEVICES = "(SELECT platform, min(platform_family) AS platform_family FROM dim_platform GROUP BY platform) devices"
# Of a key of plays: the dimension that has the key which it is counted under.
CANONICAL = {
    "recording_key": ("dim_recording", "canonical_recording_key"),
    "artist_key": ("dim_artist", "canonical_artist_key"),
    "album_key": ("dim_album", "canonical_album_key"),
}
# Of an entity: where its name, its cover and its id are.
DIMENSIONS = {
    "artist": """
        SELECT s.*, d.artist_name AS artist, d.image_url, d.artist_id
        FROM sums s JOIN dim_artist d ON d.artist_key = s.artist_key""",
    "track": """
        SELECT s.*, d.track_name AS track, d.artist_name AS artist, a.canonical_artist_key AS artist_key,
            t.track_uri, t.duration_ms, t.image_url
        FROM sums s JOIN dim_recording d ON d.recording_key = s.recording_key
        JOIN dim_track t ON t.track_key = d.canonical_track_key
        JOIN dim_artist a ON a.artist_key = t.artist_key""",
    "album": """
        SELECT s.*, d.album_name AS album, d.artist_name AS artist, a.canonical_artist_key AS artist_key,
            d.image_url, d.album_id
        FROM sums s JOIN dim_album d ON d.album_key = s.album_key
        JOIN dim_artist a ON a.artist_key = d.artist_key""",
}
KEYS = {"artist": "artist_key", "track": "recording_key", "album": "album_key"}
# Of an entity: where its sums of all time are.
ALL_TIME = {"artist": "artist_metrics", "track": "track_metrics", "album": "album_metrics"}
# Of an entity: condition on the keys of plays that are counted under $key.
MEMBERS = {
    entity: f"{key} IN (SELECT {key} FROM {CANONICAL[key][0]} WHERE {CANONICAL[key][1]} = $key)"
    for entity, key in KEYS.items()
}


def heard_hours(filters: Filters, days: str = DAYS, *, by: Sequence[str] = ("date", "hour", "platform")) -> str:
    """`heard`: sums of all content that the filters leave.

    Args:
        filters: What counts.
        days: Condition on the date.
        by: What sums are by: of local date, hour and platform. Fewer are faster: single plays are a row each before.
    """
    sums = ", ".join(f"sum({name}) AS {name}" for name in HOUR_MEASURES)
    return f"""
    heard AS (
        SELECT {", ".join(by)}, {sums}
        FROM ({_rows_of_hours(filters, days, by)}
        ) GROUP BY ALL
    )"""


def _rows_of_hours(filters: Filters, days: str, by: Sequence[str]) -> str:
    if filters.is_plain:
        return f"""
            SELECT date, hour, platform, {", ".join(HOUR_MEASURES)}
            FROM hourly_listening WHERE listener = $listener AND date {days}"""
    platform, join = (", f.platform", " JOIN dim_platform f USING (platform_key)") if "platform" in by else ("", "")
    return f"""
            SELECT d.date, p.time_key AS hour{platform}, 1 AS plays, p.ms_played,
                coalesce(p.skipped, false)::INT AS skips, (p.skipped IS NOT NULL)::INT AS skips_known,
                coalesce(p.shuffle, false)::INT AS shuffles, (p.shuffle IS NOT NULL)::INT AS shuffles_known
            FROM fct_plays p JOIN dim_date d USING (date_key){join}
            WHERE p.listener_key = {LISTENER_KEY} AND d.date {days}{_of_plays(filters)}"""


def played_tracks(filters: Filters, days: str = DAYS) -> str:
    """`played`: plays of tracks by date and keys of the play, in sums or one by one."""
    if filters.minimum or filters.no_incognito or filters.content == SPOKEN:
        source = f"""
        SELECT d.date, p.recording_key, p.artist_key, p.album_key, 1 AS plays, p.ms_played,
            coalesce(p.skipped, false)::INT AS skips, (p.skipped IS NOT NULL)::INT AS skips_known
        FROM fct_plays p JOIN dim_date d USING (date_key)
        WHERE p.listener_key = {LISTENER_KEY} AND d.date {days} AND p.content_type = 'track'{_of_plays(filters)}"""
    else:
        source = f"""
        SELECT date, recording_key, artist_key, album_key, plays, ms_played, skips, skips_known
        FROM daily_track_plays WHERE listener = $listener AND date {days}"""
    return f"""
    played AS ({source}
    )"""


def heard_tracks(
    filters: Filters, days: str = DAYS, *, by: Sequence[str] = ("date", *CANONICAL), where: str = ""
) -> str:
    """`tracks`: sums by canonical recording, artist and album, and by date; tracks only. `played`: what is summed up.

    Args:
        filters: What counts.
        days: Condition on the date.
        by: What sums are by: keys, and other expressions with a name, as `date > $day AS is_late`. Fewer are faster:
            sums are made before the names of an entity are joined. Rows of one canonical key may be several.
        where: Condition on the keys of plays, as of `MEMBERS`; empty for all.
    """
    # In that order: `dim_album` has an `artist_key`, too.
    keys = [key for key in CANONICAL if key in by]
    joins = "".join(f" JOIN {CANONICAL[key][0]} USING ({key})" for key in keys)
    canonical = "".join(f", {CANONICAL[key][1]} AS {key}" for key in keys)
    return f"""{played_tracks(filters, days)},
    summed AS (
        SELECT {", ".join(by)}, sum(plays) AS plays, sum(ms_played) AS ms_played, sum(skips) AS skips,
            sum(skips_known) AS skips_known
        FROM played{f" WHERE {where}" if where else ""} GROUP BY ALL
    ),
    tracks AS (
        SELECT summed.*{f" EXCLUDE ({', '.join(keys)})" if keys else ""}{canonical}
        FROM summed{joins}
    )"""


def heard_plays(filters: Filters, days: str = DAYS) -> str:
    """`heard`: single plays with their local date and hour, canonical keys, and names."""
    return f"""
    heard AS (
        SELECT p.*, d.date, p.time_key AS hour
        FROM fct_plays p JOIN dim_date d USING (date_key)
        WHERE p.listener_key = {LISTENER_KEY} AND d.date {days}{_of_plays(filters)}
    )"""


def totals_sql(filters: Filters) -> str:
    """SQL of the figures of the days from $start to $end, or of all time, where these are all days."""
    if _are_of_all_time(filters):
        counts = ", ".join(
            f"(SELECT count(*) FROM {table} WHERE listener = $listener AND {KEYS[entity]} <> -1) AS {entity}s"
            for entity, table in ALL_TIME.items()
        )
        music = f"""
    music AS (
        SELECT tracks, artists, CASE WHEN tracks = 0 OR albums > 0 THEN albums END AS albums FROM (SELECT {counts})
    )"""
    else:
        music = f"""{heard_tracks(filters, by=[*CANONICAL])},
    music AS (
        SELECT count(DISTINCT recording_key) AS tracks,
            count(DISTINCT artist_key) FILTER (artist_key <> -1) AS artists,
            CASE WHEN count(*) = 0 OR count(*) FILTER (album_key <> -1) > 0
                THEN count(DISTINCT album_key) FILTER (album_key <> -1) END AS albums
        FROM tracks
    )"""
    return f"""
    WITH {heard_hours(filters, by=["date"]).strip()},{music}
    SELECT sum(ms_played)::BIGINT AS ms_played, sum(plays)::BIGINT AS plays,
        count(*) AS active_days, any_value(tracks) AS tracks, any_value(artists) AS artists,
        any_value(albums) AS albums, sum(skips) / nullif(sum(skips_known), 0) AS skip_rate,
        sum(shuffles) / nullif(sum(shuffles_known), 0) AS shuffle_rate
    FROM heard, music HAVING sum(plays) > 0
    """


def top_sql(filters: Filters, entity: str, limit: int, of: str = "") -> str:
    """SQL of the entities with most listening time, with plays and share of all music.

    Args:
        filters: What counts.
        entity: `artist`, `track` or `album`.
        limit: Number of rows.
        of: The entity whose $key it is that they belong to, as `artist`; empty for all.
    """
    key = KEYS[entity]
    if _are_of_all_time(filters) and not of:
        sums = f"""WITH sums AS (
        SELECT {key}, total_plays AS plays, total_ms_played AS ms_played, total_ms_played / nullif(
            (SELECT sum(total_ms_played) FROM track_metrics WHERE listener = $listener), 0) AS share
        FROM {ALL_TIME[entity]} WHERE listener = $listener AND {key} <> -1
        ORDER BY ms_played DESC, {key} LIMIT {limit}
    )"""
    else:
        sums = f"""WITH {heard_tracks(filters, by=[key], where=MEMBERS[of] if of else "").strip()},
    sums AS (
        SELECT {key}, sum(plays)::BIGINT AS plays, sum(ms_played)::BIGINT AS ms_played,
            sum(ms_played) / nullif((SELECT sum(ms_played) FROM played), 0) AS share
        FROM tracks WHERE {key} <> -1
        GROUP BY {key} ORDER BY ms_played DESC, {key} LIMIT {limit}
    )"""
    return f"""
    {sums}{DIMENSIONS[entity]}
    ORDER BY s.ms_played DESC, s.{key}
    """


def hours_sql(filters: Filters) -> str:
    """SQL of hours and plays by step of the period."""
    return f"""
    WITH {heard_hours(filters, by=["date"]).strip()}
    SELECT date_trunc($step, date)::DATE AS start, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays
    FROM heard GROUP BY start ORDER BY start
    """


def _are_of_all_time(filters: Filters) -> bool:
    """Whether tables of all time have the sums of music: all days, and all plays of these."""
    return filters.is_all_time and not (filters.minimum or filters.no_incognito or filters.content == SPOKEN)


def _of_plays(filters: Filters) -> str:
    """Conditions on single plays."""
    conditions = ""
    if filters.content != ALL:
        conditions += f" AND p.content_type {'=' if filters.content == MUSIC else '<>'} 'track'"
    if filters.minimum:
        conditions += " AND p.ms_played >= $min_ms"
    if filters.no_incognito:
        conditions += " AND p.incognito IS NOT TRUE"
    return conditions
