"""Metrics computed once more, in plain SQL over `plays`: other code, on another engine, by the definitions alone."""

from datetime import UTC, datetime

import duckdb
import pytest

from spotify_assets.sandbox.exports import format_export
from spotify_assets.sandbox.history import Listening, extended_history

pytestmark = [pytest.mark.integration, pytest.mark.metrics]

TABLES = (
    "plays",
    "dim_recording",
    "discovery_cohorts",
    "listening_behaviour",
    "listening_sessions",
    "listening_streaks",
    "period_listening",
    "top_charts",
    "yearly_recap",
)
# Keys are of names, as normalized: of these names, in lower case.
VIEWS = """
CREATE VIEW heard AS
SELECT plays.*, dim_recording.canonical_recording_key AS track, lower(trim(plays.artist_name)) AS artist,
    lower(trim(plays.artist_name)) || '|' || lower(trim(plays.album_name)) AS album
FROM plays LEFT JOIN dim_recording USING (recording_key);

CREATE VIEW spans AS
SELECT listener, 'all' AS period_type, min(local_date) AS period_start, max(local_date) AS period_end
FROM heard GROUP BY listener
UNION ALL
SELECT DISTINCT listener, kind, date_trunc(kind, local_date)::DATE,
    (date_trunc(kind, local_date) + ('1 ' || kind)::INTERVAL - INTERVAL 1 DAY)::DATE
FROM heard, unnest(['day', 'week', 'month', 'quarter', 'year']) AS kinds(kind);

CREATE VIEW in_spans AS
SELECT spans.period_type, spans.period_start, spans.period_end, heard.*
FROM spans JOIN heard ON heard.listener = spans.listener AND local_date BETWEEN period_start AND period_end;
"""


@pytest.fixture
def lake(prepared):
    """The tables of two listeners' generated histories, in DuckDB."""
    spans = {"anna": (datetime(2020, 12, 20, tzinfo=UTC), datetime(2021, 3, 10, tzinfo=UTC)),
             "ben": (datetime(2023, 12, 30, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))}  # fmt: skip
    histories = {
        f"{name}/Streaming_History_Audio_1.json": format_export(
            extended_history(Listening(400, first, last, seed)).to_pylist()
        )
        for seed, (name, (first, last)) in enumerate(spans.items(), start=1)
    }
    world = prepared(histories)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        connection.register(table, world.lake.read(table))
    connection.execute(VIEWS)
    return connection


def differences(lake, found, expected):
    """Rows of one query that the other lacks, both ways."""
    return lake.sql(f"(({found}) EXCEPT ({expected})) UNION ALL (({expected}) EXCEPT ({found}))").fetchall()


def test_period_listening_follows_from_plays(lake):
    figures = "plays, streams, ms_played, skips, spoken_plays, tracks, artists, albums, active_days, new_tracks"
    assert not differences(
        lake,
        f"SELECT listener, period_type, period_start, {figures} FROM period_listening",
        """
        SELECT listener, period_type, period_start, count(*), count(*) FILTER (ms_played >= 30000), sum(ms_played),
            count(*) FILTER (skipped), count(*) FILTER (content_type <> 'track'), count(DISTINCT track),
            count(DISTINCT artist), count(DISTINCT album), count(DISTINCT local_date),
            count(DISTINCT track) FILTER (first_date >= period_start)
        FROM in_spans
        LEFT JOIN (SELECT listener, track, min(local_date) AS first_date FROM heard GROUP BY ALL)
            USING (listener, track)
        GROUP BY ALL
        """,
    )


def test_concentration_follows_from_plays(lake):
    assert not differences(
        lake,
        "SELECT listener, period_type, period_start, half_of_listening_artists, round(effective_artists, 4), "
        "round(gini, 4) FROM period_listening WHERE artist_ms_played > 0",
        """
        WITH artists AS (
            SELECT listener, period_type, period_start, sum(ms_played) AS ms FROM in_spans
            WHERE artist IS NOT NULL GROUP BY listener, period_type, period_start, artist
        ), placed AS (
            SELECT *, row_number() OVER least_first AS place, ms / sum(ms) OVER period AS part,
                sum(ms / 1.0) OVER (PARTITION BY listener, period_type, period_start ORDER BY ms DESC
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, sum(ms) OVER period AS total
            FROM artists
            WINDOW period AS (PARTITION BY listener, period_type, period_start),
                least_first AS (PARTITION BY listener, period_type, period_start ORDER BY ms)
        )
        SELECT listener, period_type, period_start, count(*) FILTER (coalesce(before, 0) < total / 2),
            round(exp(-sum(part * ln(part))), 4),
            round(sum((2 * place - count_all - 1) * ms) / (any_value(count_all) * sum(ms)), 4)
        FROM (SELECT *, count(*) OVER (PARTITION BY listener, period_type, period_start) AS count_all FROM placed)
        GROUP BY ALL
        """,
    )


def test_comparisons_follow_from_plays(lake):
    assert not differences(
        lake,
        "SELECT listener, period_type, period_start, previous_ms_played FROM period_listening "
        "WHERE period_type <> 'all' AND previous_ms_played IS NOT NULL",
        """
        WITH ends AS (
            SELECT listener, min(local_date) AS first_date, max(local_date) AS last_date FROM heard GROUP BY ALL
        ), compared AS (
            SELECT *, (period_start - ('1 ' || period_type)::INTERVAL)::DATE AS earlier,
                least(CASE WHEN period_end < last_date THEN DATE '9999-01-01'
                    ELSE earlier + (last_date - period_start)::INTEGER END, period_start - 1) AS until
            FROM spans JOIN ends USING (listener) WHERE period_type <> 'all'
        )
        SELECT compared.listener, period_type, period_start, coalesce(sum(ms_played), 0)
        FROM compared LEFT JOIN heard ON heard.listener = compared.listener AND local_date BETWEEN earlier AND until
        WHERE until >= first_date GROUP BY ALL
        """,
    )


@pytest.mark.parametrize(("entity", "column"), [("track", "track"), ("artist", "artist"), ("album", "album")])
def test_top_charts_follow_from_plays(lake, entity, column):
    assert not differences(
        lake,
        f"SELECT listener, period_type, period_start, rank, ms_played FROM top_charts WHERE entity_type = '{entity}'",
        f"""
        SELECT listener, period_type, period_start, row_number() OVER (
            PARTITION BY listener, period_type, period_start ORDER BY sum(ms_played) DESC) AS rank, sum(ms_played)
        FROM in_spans WHERE {column} IS NOT NULL AND content_type = 'track' AND period_type <> 'day'
        GROUP BY listener, period_type, period_start, {column}
        QUALIFY rank <= if(period_type = 'week', 20, 100)
        """,
    )
    assert not lake.sql(
        f"""
        SELECT now.* FROM top_charts AS now LEFT JOIN top_charts AS before ON before.listener = now.listener
            AND before.entity_type = now.entity_type AND before.period_type = now.period_type
            AND before.entity_key = now.entity_key
            AND before.period_start = now.period_start - ('1 ' || now.period_type)::INTERVAL
        WHERE now.entity_type = '{entity}' AND now.period_type <> 'all'
            AND now.previous_rank IS DISTINCT FROM before.rank
        """
    ).fetchall()


def test_sessions_follow_from_plays(lake):
    lake.execute("""
        CREATE OR REPLACE TABLE sessions AS
        WITH ordered AS (
            SELECT *, lag(played_at) OVER (PARTITION BY listener ORDER BY played_at, play_id) AS ended
            FROM plays WHERE NOT is_implausible),
        numbered AS (
            SELECT *, count(*) FILTER (ended IS NULL OR started_at > ended + INTERVAL 30 MINUTE)
                OVER (PARTITION BY listener ORDER BY played_at, play_id) AS number
            FROM ordered)
        SELECT listener, first(started_at ORDER BY played_at, play_id) AS session_start, max(played_at) AS session_end,
            count(*) AS plays, count_if(is_stream) AS streams, sum(ms_played)::BIGINT AS ms_played,
            count(DISTINCT recording_key) AS tracks, count(DISTINCT platform) AS platforms
        FROM numbered GROUP BY listener, number
    """)
    columns = "listener, session_start, session_end, plays, streams, ms_played, tracks, platforms"
    assert lake.sql("SELECT count(*) FROM sessions").fetchone()[0] > 20
    assert differences(lake, f"SELECT {columns} FROM listening_sessions", "SELECT * FROM sessions") == []


def test_streaks_follow_from_plays(lake):
    expected = """
        SELECT listener, min(day), max(day), count(*)::INTEGER
        FROM (SELECT *, day - row_number() OVER (PARTITION BY listener ORDER BY day)::INTEGER AS run
              FROM (SELECT DISTINCT listener, local_date AS day FROM plays WHERE NOT is_implausible))
        GROUP BY listener, run HAVING count(*) >= 3
    """
    found = """SELECT listener, start, "end", days FROM listening_streaks WHERE entity_type = 'any'"""
    assert lake.sql(expected).fetchall()
    assert differences(lake, found, expected) == []


def test_behaviour_divides_all_plays_of_a_year(lake):
    expected = """
        SELECT listener, year, dimension, count(*), sum(ms_played)::BIGINT
        FROM plays, (SELECT DISTINCT dimension FROM listening_behaviour),
            (SELECT DISTINCT year FROM listening_behaviour)
        WHERE year IN (0, year(local_date)) GROUP BY ALL
    """
    found = """
        SELECT listener, year, dimension, sum(plays)::BIGINT, sum(ms_played)::BIGINT
        FROM listening_behaviour GROUP BY ALL
    """
    assert differences(lake, found, expected) == []


@pytest.mark.parametrize(("entity", "column"), [("track", "track"), ("artist", "artist")])
def test_discovery_cohorts_follow_from_plays(lake, entity, column):
    expected = f"""
        WITH months AS (
            SELECT listener, {column} AS entity, date_trunc('month', local_date)::DATE AS month,
                count(*) AS plays, sum(ms_played) AS ms
            FROM heard WHERE content_type = 'track' AND {column} IS NOT NULL GROUP BY ALL
        ), firsts AS (
            SELECT listener, entity, min(month) AS cohort FROM months GROUP BY ALL
        ), lasts AS (
            SELECT listener, date_trunc('month', max(local_date))::DATE AS last FROM heard GROUP BY ALL
        ), grid AS (
            SELECT listener, cohort, since, count(*) AS entities
            FROM firsts JOIN lasts USING (listener),
                unnest(range(0, least(36, date_diff('month', cohort, last)) + 1)) AS months_since(since)
            GROUP BY ALL
        )
        SELECT grid.listener, grid.cohort, since::INTEGER, any_value(entities), count(months.entity),
            coalesce(sum(months.plays), 0)::BIGINT, coalesce(sum(months.ms), 0)::BIGINT
        FROM grid JOIN firsts ON firsts.listener = grid.listener AND firsts.cohort = grid.cohort
        LEFT JOIN months ON months.listener = grid.listener AND months.entity = firsts.entity
            AND date_diff('month', grid.cohort, months.month) = since
        GROUP BY grid.listener, grid.cohort, since
    """
    found = f"""
        SELECT listener, cohort_month, months_since, entities, still_played, plays, ms_played
        FROM discovery_cohorts WHERE entity_type = '{entity}'
    """
    # Of anna's four months and ben's four, each with all months that follow.
    assert lake.sql(expected).fetchall()
    assert lake.sql(f"SELECT max(months_since) FROM ({found})").fetchone()[0] >= 2
    assert differences(lake, found, expected) == []


def test_a_year_by_wrapped_s_rules_follows_from_plays(lake):
    expected = """
        WITH counted AS (
            SELECT listener, year(local_date) AS year, track, count(*) AS counted FROM heard
            WHERE content_type = 'track' AND ms_played > 30000 AND incognito IS NOT TRUE
                AND strftime(local_date, '%m-%d') <= '11-15'
            GROUP BY ALL)
        SELECT listener, year::INTEGER, coalesce(sum(counted), 0)::BIGINT,
            coalesce(list(counted::VARCHAR ORDER BY counted DESC) FILTER (counted IS NOT NULL), [])[:5]
        FROM (SELECT DISTINCT listener, year(local_date) AS year FROM heard) LEFT JOIN counted USING (listener, year)
        GROUP BY listener, year
    """
    found = "SELECT listener, year, wrapped_plays, wrapped_tracks_plays FROM yearly_recap"
    assert lake.sql("SELECT count(*) FROM yearly_recap WHERE len(wrapped_tracks) = 5").fetchone()[0] >= 2
    assert differences(lake, found, expected) == []


def test_the_days_of_a_year_s_recap_follow_from_plays(lake):
    lake.execute("""
        CREATE OR REPLACE TABLE days AS
        SELECT listener, year(local_date)::INTEGER AS year, local_date AS day, sum(ms_played)::BIGINT AS ms
        FROM plays WHERE NOT is_implausible GROUP BY ALL
    """)
    expected = """
        WITH runs AS (
            SELECT listener, year, min(day) AS start, count(*)::INTEGER AS days
            FROM (SELECT *, day - row_number() OVER (PARTITION BY listener, year ORDER BY day)::INTEGER AS run
                  FROM days)
            GROUP BY listener, year, run
        ), months AS (
            SELECT listener, year, date_trunc('month', day)::DATE AS month, sum(ms)::BIGINT AS ms
            FROM days GROUP BY ALL
        )
        SELECT listener, year, first(days ORDER BY days DESC, start), first(start ORDER BY days DESC, start),
            any_value(biggest), any_value(most), any_value(top_month)
        FROM runs JOIN (
            SELECT listener, year, first(day ORDER BY ms DESC, day) AS biggest, max(ms) AS most FROM days GROUP BY ALL
        ) USING (listener, year) JOIN (
            SELECT listener, year, first(month ORDER BY ms DESC, month) AS top_month FROM months GROUP BY ALL
        ) USING (listener, year)
        GROUP BY listener, year
    """
    found = """
        SELECT listener, year, longest_streak_days, longest_streak_start, biggest_day, biggest_day_ms_played, top_month
        FROM yearly_recap
    """
    assert lake.sql(expected).fetchall()
    assert differences(lake, found, expected) == []
