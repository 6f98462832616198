-- How did I come upon the tracks that became regulars: by choice, by shuffle, or by what played before?
SELECT d.listener, d.started_by,
    COUNT(*) AS tracks,
    SUM(CASE WHEN d.became_regular THEN 1 ELSE 0 END) AS regulars,
    ROUND(100.0 * SUM(CASE WHEN d.became_regular THEN 1 ELSE 0 END) / COUNT(*), 1) AS regulars_percent,
    ROUND(1e0 * SUM(d.plays_in_30_days) / COUNT(*), 2) AS plays_in_the_first_30_days
FROM discoveries d
WHERE d.entity_type = 'track'
GROUP BY d.listener, d.started_by
ORDER BY d.listener, d.started_by
