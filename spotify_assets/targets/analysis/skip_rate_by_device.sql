-- On which devices do I skip most?
SELECT l.listener, p.platform_family,
    COUNT(*) AS plays,
    COUNT(f.skipped) AS plays_where_it_is_known,
    ROUND(100.0 * SUM(CASE WHEN f.skipped THEN 1 ELSE 0 END) / NULLIF(COUNT(f.skipped), 0), 1) AS skipped_percent
FROM fct_plays f
JOIN dim_listener l ON l.listener_key = f.listener_key
JOIN dim_platform p ON p.platform_key = f.platform_key
GROUP BY l.listener, p.platform_family
ORDER BY l.listener, p.platform_family
