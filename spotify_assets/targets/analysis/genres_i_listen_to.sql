-- Which families of genres do I listen to, and of how many of my plays is the genre known?
SELECT listener, genre_family, plays, hours,
    ROUND(100.0 * plays / plays_known, 1) AS plays_percent,
    ROUND(100.0 * plays_known / plays_of_tracks, 1) AS known_percent
FROM (
    SELECT listener, genre_family, plays, hours,
        SUM(CASE WHEN genre_family IS NULL THEN 0 ELSE plays END) OVER (PARTITION BY listener) AS plays_known,
        SUM(plays) OVER (PARTITION BY listener) AS plays_of_tracks
    FROM (
        SELECT l.listener, t.genre_family, COUNT(*) AS plays, ROUND(SUM(f.ms_played) / 3.6e6, 2) AS hours
        FROM fct_plays f
        JOIN dim_listener l ON l.listener_key = f.listener_key
        JOIN dim_track t ON t.track_key = f.track_key
        WHERE f.content_type = 'track'
        GROUP BY l.listener, t.genre_family
    ) families
) shares
WHERE genre_family IS NOT NULL
ORDER BY listener, plays DESC, genre_family
