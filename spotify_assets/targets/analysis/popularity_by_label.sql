-- Which record labels of the catalogue files have the most popular tracks, of those with five or more?
SELECT c.label, COUNT(*) AS tracks, ROUND(SUM(c.popularity) * 1.0 / COUNT(*), 1) AS avg_popularity
FROM catalog_tracks c
WHERE c.label IS NOT NULL AND c.popularity IS NOT NULL
GROUP BY c.label
HAVING COUNT(*) >= 5
ORDER BY avg_popularity DESC, c.label
