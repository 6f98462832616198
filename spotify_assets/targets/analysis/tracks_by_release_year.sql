-- Of which years are the tracks in the catalogue files?
SELECT c.release_year, COUNT(*) AS tracks, COUNT(DISTINCT c.catalog_artist_key) AS artists
FROM catalog_tracks c
WHERE c.release_year IS NOT NULL
GROUP BY c.release_year
ORDER BY c.release_year
