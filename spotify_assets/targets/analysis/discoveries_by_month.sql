-- How many artists did I hear for the first time, month by month?
SELECT m.listener, d.month_start, COUNT(*) AS new_artists, SUM(m.total_plays) AS plays_since
FROM artist_metrics m
JOIN dim_date d ON d.date = CAST(m.first_played_at AS DATE)
GROUP BY m.listener, d.month_start
ORDER BY m.listener, d.month_start
