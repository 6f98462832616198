-- Of the artists that I discover, how many do I still play in the month after, and 3, 6, 12 and 24 months later?
SELECT c.listener, c.months_since,
    SUM(c.entities) AS artists,
    SUM(c.still_played) AS still_played,
    ROUND(100.0 * SUM(c.still_played) / SUM(c.entities), 1) AS still_played_percent
FROM discovery_cohorts c
WHERE c.entity_type = 'artist' AND c.months_since IN (1, 3, 6, 12, 24)
GROUP BY c.listener, c.months_since
ORDER BY c.listener, c.months_since
