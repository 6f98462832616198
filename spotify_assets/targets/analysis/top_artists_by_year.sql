-- Who were my artists of each year?
SELECT listener, year, place, artist_name, plays, hours
FROM (
    SELECT l.listener, d.year, c.artist_name,
        COUNT(*) AS plays,
        ROUND(SUM(f.ms_played) / 3.6e6, 2) AS hours,
        ROW_NUMBER() OVER (
            PARTITION BY l.listener, d.year ORDER BY SUM(f.ms_played) DESC, c.artist_key) AS place
    FROM fct_plays f
    JOIN dim_listener l ON l.listener_key = f.listener_key
    JOIN dim_date d ON d.date_key = f.date_key
    JOIN dim_artist a ON a.artist_key = f.artist_key
    JOIN dim_artist c ON c.artist_key = a.canonical_artist_key
    WHERE f.content_type = 'track'
    GROUP BY l.listener, d.year, c.artist_key, c.artist_name
) artists
WHERE place <= 10
ORDER BY listener, year, place
