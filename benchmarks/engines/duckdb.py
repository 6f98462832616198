"""DuckDB, in SQL."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.engines import MAX_MS_PLAYED, MIN_MS_PLAYED, PLATFORM_FAMILIES, STREAM_MS

# Of the machine's 24 GB; DuckDB spills to disk beyond.
MEMORY_LIMIT = "14GB"

PLAYS = f"""
WITH typed AS (
    SELECT
        raw_plays.listener,
        played_at,
        reported_at,
        offline_at,
        try_cast(ms_played AS BIGINT) AS ms_played,
        CASE WHEN track_uri LIKE 'spotify:track:%' THEN substr(track_uri, 15) END AS track_id,
        CASE WHEN episode_uri LIKE 'spotify:episode:%' THEN substr(episode_uri, 17) END AS episode_id,
        CASE WHEN chapter_uri LIKE 'spotify:episode:%' THEN substr(chapter_uri, 17) END AS chapter_id,
        nullif(trim(track_name), '') AS track_name,
        nullif(trim(artist_name), '') AS artist_name,
        nullif(trim(album_name), '') AS album_name,
        nullif(trim(coalesce(chapter_title, episode_name)), '') AS episode_name,
        nullif(trim(coalesce(audiobook_title, show_name)), '') AS show_name,
        coalesce(chapter_uri, audiobook_title) IS NOT NULL AS is_audiobook,
        coalesce(lower(trim(platform)), 'unknown') AS platform,
        coalesce(lower(trim(reason_start)), 'unknown') AS reason_start,
        coalesce(lower(trim(reason_end)), 'unknown') AS reason_end,
        try_cast(shuffle AS BOOLEAN) AS shuffle,
        try_cast(skipped AS BOOLEAN) AS skipped,
        try_cast(offline AS BOOLEAN) AS offline,
        try_cast(incognito_mode AS BOOLEAN) AS incognito,
        conn_country,
        source_file,
        source_row
    FROM raw_plays JOIN raw_files USING (source_file)
    WHERE reported_at BETWEEN raw_files.first_reported_at AND raw_files.last_reported_at
),
keyed AS (
    SELECT
        *,
        CASE
            WHEN track_id IS NOT NULL OR track_name IS NOT NULL THEN 'track'
            WHEN is_audiobook THEN 'audiobook'
            WHEN episode_id IS NOT NULL OR episode_name IS NOT NULL THEN 'episode'
        END AS content_type,
        coalesce(
            CASE content_type WHEN 'track' THEN track_id WHEN 'audiobook' THEN chapter_id ELSE episode_id END,
            'name:' || md5(lower(concat_ws(
                chr(31), coalesce(artist_name, show_name, ''), coalesce(track_name, episode_name, '')
            )))
        ) AS content_key
    FROM typed
    WHERE ms_played BETWEEN {MIN_MS_PLAYED} AND {MAX_MS_PLAYED}
)
SELECT
    left(sha256(concat_ws(chr(31), listener, epoch_us(played_at), content_key, ms_played)), 32) AS play_id,
    listener,
    played_at,
    reported_at,
    played_at < reported_at AS played_at_is_corrected,
    played_at - to_milliseconds(ms_played) AS started_at,
    played_at::DATE AS local_date,
    hour(played_at)::INTEGER AS local_hour,
    content_type,
    content_key,
    CASE
        WHEN content_key LIKE 'name:%' THEN NULL
        WHEN content_type = 'track' THEN 'spotify:track:' || content_key
        ELSE 'spotify:episode:' || content_key
    END AS content_uri,
    CASE WHEN content_type = 'track' THEN content_key END AS track_key,
    CASE WHEN content_type = 'track' THEN
        CASE WHEN artist_name IS NULL OR track_name IS NULL THEN hash(content_key)
        ELSE hash(lower(artist_name), lower(track_name)) END
    END AS recording_key,
    CASE WHEN content_type = 'track' THEN track_name END AS track_name,
    CASE WHEN content_type = 'track' THEN artist_name END AS artist_name,
    CASE WHEN content_type = 'track' THEN album_name END AS album_name,
    CASE WHEN content_type <> 'track' THEN episode_name END AS episode_name,
    CASE WHEN content_type <> 'track' THEN show_name END AS show_name,
    ms_played,
    false AS ms_played_is_estimated,
    ms_played >= {STREAM_MS} AS is_stream,
    false AS is_implausible,
    platform,
    reason_start,
    reason_end,
    shuffle,
    skipped,
    offline,
    incognito,
    conn_country,
    source_file,
    source_row,
    date_trunc('month', played_at)::DATE AS month
FROM keyed
WHERE content_type IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY listener, reported_at, content_key, ms_played ORDER BY source_file, source_row
) = 1 AND row_number() OVER (
    PARTITION BY listener, played_at, content_key, ms_played ORDER BY source_file, source_row
) = 1 AND (offline_at IS NULL OR row_number() OVER (
    PARTITION BY listener, offline_at, content_key, ms_played ORDER BY source_file, source_row
) = 1)
"""

FCT_PLAYS = """
SELECT
    play_id,
    played_at,
    hash(listener) AS listener_key,
    strftime(local_date, '%Y%m%d')::INTEGER AS date_key,
    local_hour AS time_key,
    content_type,
    coalesce(track_key, 'not_applicable') AS track_key,
    recording_key,
    CASE WHEN content_type = 'track' THEN hash(lower(artist_name)) END AS artist_key,
    CASE WHEN content_type = 'track' THEN hash(lower(artist_name), lower(album_name)) END AS album_key,
    CASE WHEN content_type = 'track' THEN 'not_applicable' ELSE content_key END AS episode_key,
    hash(platform) AS platform_key,
    reason_start AS reason_start_key,
    reason_end AS reason_end_key,
    ms_played,
    ms_played_is_estimated,
    is_stream,
    is_implausible,
    skipped,
    shuffle,
    offline,
    incognito,
    month
FROM plays
"""

MEASURES = """
    count(*) AS plays,
    count(*) FILTER (is_stream) AS streams,
    sum(ms_played)::BIGINT AS ms_played,
    count(*) FILTER (skipped) AS skips,
    count(skipped) AS skips_known
"""
SHUFFLES = "count(*) FILTER (shuffle) AS shuffles, count(shuffle) AS shuffles_known"
SEEN = "min(played_at) AS first_played_at, max(played_at) AS last_played_at"

DAILY_TRACK_PLAYS = f"""
SELECT
    month,
    month::TIMESTAMPTZ AS window_at,
    listener,
    local_date AS date,
    recording_key,
    hash(lower(artist_name)) AS artist_key,
    hash(lower(artist_name), lower(album_name)) AS album_key,
    {MEASURES},
    {SHUFFLES},
    {SEEN}
FROM plays
WHERE content_type = 'track'
GROUP BY ALL
"""

DAILY_LISTENING = f"""
WITH days AS (
    SELECT
        listener,
        local_date AS date,
        {MEASURES},
        count(*) FILTER (content_type = 'track') AS music_plays,
        coalesce(sum(ms_played) FILTER (content_type = 'track'), 0)::BIGINT AS music_ms_played,
        count(*) FILTER (content_type <> 'track') AS spoken_plays,
        coalesce(sum(ms_played) FILTER (content_type <> 'track'), 0)::BIGINT AS spoken_ms_played
    FROM plays
    GROUP BY ALL
),
different AS (
    SELECT listener, date, count(DISTINCT recording_key) AS tracks, count(DISTINCT artist_key) AS artists
    FROM daily_track_plays
    GROUP BY ALL
)
SELECT days.*, coalesce(tracks, 0) AS tracks, coalesce(artists, 0) AS artists
FROM days LEFT JOIN different USING (listener, date)
"""

DIM_LISTENER = """
SELECT hash(listener) AS listener_key, listener, 'UTC' AS timezone,
       min(local_date) AS first_date, max(local_date) AS last_date
FROM plays GROUP BY listener
UNION ALL VALUES (0::UBIGINT, 'unknown', 'unknown', NULL, NULL), (1, 'not_applicable', 'not_applicable', NULL, NULL)
"""

DIM_DATE = """
WITH years AS (SELECT min(local_date) AS first, max(local_date) AS last FROM plays),
days AS (
    SELECT unnest(generate_series(
        date_trunc('year', first), date_trunc('year', last) + INTERVAL 1 YEAR - INTERVAL 1 DAY, INTERVAL 1 DAY
    ))::DATE AS date
    FROM years
)
SELECT strftime(date, '%Y%m%d')::INTEGER AS date_key, date, year(date) AS year, quarter(date) AS quarter,
       month(date) AS month_of_year, monthname(date) AS month_name, date_trunc('month', date)::DATE AS month_start,
       isoyear(date) AS iso_year, week(date) AS iso_week, day(date) AS day_of_month, dayofyear(date) AS day_of_year,
       isodow(date) AS day_of_week, dayname(date) AS day_name, isodow(date) >= 6 AS is_weekend
FROM days
UNION ALL BY NAME SELECT unnest([-1, -2]) AS date_key
"""

FAMILY = "\n".join(
    f"WHEN regexp_matches(platform, '{words}') THEN '{family}'" for family, words in PLATFORM_FAMILIES.items()
)
DIM_PLATFORM = f"""
SELECT hash(platform) AS platform_key, platform, CASE {FAMILY} ELSE 'other' END AS platform_family
FROM (SELECT DISTINCT platform FROM plays)
UNION ALL VALUES (0::UBIGINT, 'unknown', 'unknown'), (1, 'not_applicable', 'not_applicable')
"""

DIM_ARTIST = f"""
SELECT hash(lower(artist_name)) AS artist_key, arg_max(artist_name, played_at) AS artist_name, {SEEN}
FROM plays WHERE artist_name IS NOT NULL GROUP BY artist_key
UNION ALL VALUES (0::UBIGINT, 'unknown', NULL, NULL), (1, 'not_applicable', NULL, NULL)
"""

DIM_ALBUM = f"""
SELECT hash(lower(artist_name), lower(album_name)) AS album_key, arg_max(album_name, played_at) AS album_name,
       arg_max(artist_name, played_at) AS artist_name, any_value(hash(lower(artist_name))) AS artist_key, {SEEN}
FROM plays WHERE artist_name IS NOT NULL AND album_name IS NOT NULL GROUP BY album_key
UNION ALL VALUES (0::UBIGINT, 'unknown', 'unknown', 0::UBIGINT, NULL, NULL),
                 (1, 'not_applicable', 'not_applicable', 1, NULL, NULL)
"""

RECORDINGS = """
CREATE TEMP TABLE recordings AS
WITH ids AS (
    SELECT recording_key, track_key, count(*) AS plays, max(played_at) AS last_played_at,
           arg_max(track_name, played_at) AS track_name, arg_max(artist_name, played_at) AS artist_name
    FROM plays WHERE content_type = 'track' GROUP BY ALL
)
SELECT recording_key,
       arg_min(track_key, (track_key LIKE 'name:%', -plays, track_key)) AS canonical_track_key,
       coalesce(arg_max(track_name, last_played_at), 'unknown') AS track_name,
       coalesce(arg_max(artist_name, last_played_at), 'unknown') AS artist_name
FROM ids GROUP BY recording_key
"""

DIM_TRACK = f"""
WITH tracks AS (
    SELECT track_key, max(content_uri) AS track_uri,
           coalesce(arg_max(track_name, played_at), 'unknown') AS track_name,
           coalesce(arg_max(artist_name, played_at), 'unknown') AS artist_name,
           arg_max(album_name, played_at) AS album_name,
           arg_max(recording_key, played_at) AS recording_key, {SEEN}
    FROM plays WHERE content_type = 'track' GROUP BY track_key
)
SELECT track_key, track_uri, tracks.track_name, tracks.artist_name, album_name,
       hash(lower(tracks.artist_name)) AS artist_key, hash(lower(tracks.artist_name), lower(album_name)) AS album_key,
       recording_key, canonical_track_key, first_played_at, last_played_at
FROM tracks JOIN recordings USING (recording_key)
UNION ALL VALUES
    ('unknown', NULL, 'unknown', 'unknown', NULL, 0::UBIGINT, 0::UBIGINT, 0::UBIGINT, 'unknown', NULL, NULL),
    ('not_applicable', NULL, 'not_applicable', 'not_applicable', NULL, 1, 1, 1, 'not_applicable', NULL, NULL)
"""

DIM_EPISODE = f"""
SELECT content_key AS episode_key, max(content_uri) AS episode_uri, max(content_type) AS content_type,
       coalesce(arg_max(episode_name, played_at), 'unknown') AS episode_name,
       coalesce(arg_max(show_name, played_at), 'unknown') AS show_name, {SEEN}
FROM plays WHERE content_type <> 'track' GROUP BY content_key
UNION ALL VALUES
    ('unknown', NULL, 'unknown', 'unknown', 'unknown', NULL, NULL),
    ('not_applicable', NULL, 'not_applicable', 'not_applicable', 'not_applicable', NULL, NULL)
"""

TRACK_METRICS = f"""
WITH totals AS (
    SELECT listener, recording_key, {MEASURES}, {SHUFFLES}, {SEEN}
    FROM plays WHERE content_type = 'track' GROUP BY ALL
)
SELECT listener, recording_key, canonical_track_key AS track_key, track_name, artist_name,
       plays AS total_plays, streams AS total_streams, ms_played AS total_ms_played,
       ms_played / plays AS avg_ms_played,
       skips / nullif(skips_known, 0) AS skip_rate,
       shuffles / nullif(shuffles_known, 0) AS shuffle_rate,
       first_played_at, last_played_at,
       row_number() OVER (PARTITION BY listener ORDER BY ms_played DESC, recording_key) AS rank
FROM totals JOIN recordings USING (recording_key)
"""


def start() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        f"SET TimeZone = 'UTC'; SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = false"
    )
    return connection


def run(connection: duckdb.DuckDBPyConnection, history: Path, output: Path) -> Iterator[str]:
    connection.execute(f"SET temp_directory = '{output / 'spilled'}'")
    for table in ("raw_plays", "raw_files"):
        connection.execute(f"CREATE VIEW {table} AS FROM '{history / table}/*.parquet'")

    def write(table: str, query: str) -> str:
        (output / table).mkdir()
        path = output / table / f"{table}.parquet"
        connection.execute(f"COPY ({query}) TO '{path}'")
        connection.execute(f"CREATE VIEW {table} AS FROM '{path}'")
        return table

    yield write("plays", PLAYS)
    yield write("fct_plays", FCT_PLAYS)
    yield write("daily_track_plays", DAILY_TRACK_PLAYS)
    yield write("daily_listening", DAILY_LISTENING)
    yield write("dim_listener", DIM_LISTENER)
    yield write("dim_date", DIM_DATE)
    yield write("dim_platform", DIM_PLATFORM)
    yield write("dim_artist", DIM_ARTIST)
    yield write("dim_album", DIM_ALBUM)
    connection.execute(RECORDINGS)
    yield write("dim_track", DIM_TRACK)
    yield write("dim_episode", DIM_EPISODE)
    yield write("track_metrics", TRACK_METRICS)
