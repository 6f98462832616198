-- How much did I listen, all in all?
SELECT l.listener,
    COUNT(*) AS plays,
    SUM(CASE WHEN f.is_stream THEN 1 ELSE 0 END) AS streams,
    COUNT(DISTINCT f.date_key) AS days,
    ROUND(SUM(f.ms_played) / 3.6e6, 2) AS hours
FROM fct_plays f
JOIN dim_listener l ON l.listener_key = f.listener_key
GROUP BY l.listener
ORDER BY l.listener
