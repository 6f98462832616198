-- What did I once play a lot, and not for the last year of my history?
SELECT listener, place, track_name, artist_name, total_plays, last_played_on
FROM (
    SELECT m.listener, m.track_name, m.artist_name, m.total_plays, CAST(m.last_played_at AS DATE) AS last_played_on,
        ROW_NUMBER() OVER (PARTITION BY m.listener ORDER BY m.total_plays DESC, m.recording_key) AS place
    FROM track_metrics m
    JOIN dim_listener l ON l.listener = m.listener
    JOIN dim_date latest ON latest.date = l.last_date
    JOIN dim_date played ON played.date = CAST(m.last_played_at AS DATE)
    WHERE played.year * 372 + played.month_of_year * 31 + played.day_of_month
        < (latest.year - 1) * 372 + latest.month_of_year * 31 + latest.day_of_month
) forgotten
WHERE place <= 50
ORDER BY listener, place
