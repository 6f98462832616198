-- Which artists were my number one for the most weeks?
SELECT c.listener, c.name AS artist_name, COUNT(*) AS weeks,
    MIN(c.period_start) AS first_week,
    MAX(c.period_start) AS last_week
FROM top_charts c
WHERE c.entity_type = 'artist' AND c.period_type = 'week' AND c.rank = 1
GROUP BY c.listener, c.entity_key, c.name
ORDER BY c.listener, weeks DESC, c.entity_key
