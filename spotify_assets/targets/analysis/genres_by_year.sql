-- Which genres did I hear more of than the year before, and of which less?
SELECT listener, year, genre_family,
    ROUND(100.0 * share, 1) AS share_percent,
    ROUND(100.0 * (share - LAG(share) OVER (PARTITION BY listener, genre_family ORDER BY year)), 1) AS change_points
FROM (
    SELECT g.listener, d.year, g.genre_family,
        1e0 * SUM(g.ms_played) / NULLIF(SUM(g.known_ms_played), 0) AS share
    FROM genre_trends g
    JOIN dim_date d ON d.date = g.month
    GROUP BY g.listener, d.year, g.genre_family
) shares
ORDER BY listener, year, share_percent DESC, genre_family
