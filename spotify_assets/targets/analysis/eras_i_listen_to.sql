-- Of which decades is the music that I listen to, and of how many of my plays is the year known?
SELECT listener, decade, plays, hours,
    ROUND(100.0 * plays / plays_known, 1) AS plays_percent,
    ROUND(100.0 * plays_known / plays_of_tracks, 1) AS known_percent
FROM (
    SELECT listener, decade, plays, hours,
        SUM(CASE WHEN decade IS NULL THEN 0 ELSE plays END) OVER (PARTITION BY listener) AS plays_known,
        SUM(plays) OVER (PARTITION BY listener) AS plays_of_tracks
    FROM (
        SELECT listener, decade, COUNT(*) AS plays, ROUND(SUM(ms_played) / 3.6e6, 2) AS hours
        FROM (
            SELECT l.listener, t.release_year - MOD(t.release_year, 10) AS decade, f.ms_played
            FROM fct_plays f
            JOIN dim_listener l ON l.listener_key = f.listener_key
            JOIN dim_track t ON t.track_key = f.track_key
            WHERE f.content_type = 'track'
        ) played
        GROUP BY listener, decade
    ) decades
) shares
WHERE decade IS NOT NULL
ORDER BY listener, decade
