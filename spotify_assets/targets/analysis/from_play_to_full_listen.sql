-- Of what I start, how much do I hear for half a minute, and how much to its end?
SELECT l.listener, f.content_type,
    COUNT(*) AS started,
    SUM(CASE WHEN f.is_stream THEN 1 ELSE 0 END) AS half_a_minute,
    SUM(CASE WHEN f.is_stream AND f.reason_end_key = 'trackdone' THEN 1 ELSE 0 END) AS to_its_end,
    ROUND(100.0 * SUM(CASE WHEN f.is_stream THEN 1 ELSE 0 END) / COUNT(*), 1) AS half_a_minute_percent,
    ROUND(100.0 * SUM(CASE WHEN f.is_stream AND f.reason_end_key = 'trackdone' THEN 1 ELSE 0 END) / COUNT(*), 1)
        AS to_its_end_percent
FROM fct_plays f
JOIN dim_listener l ON l.listener_key = f.listener_key
GROUP BY l.listener, f.content_type
ORDER BY l.listener, f.content_type
