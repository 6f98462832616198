-- Which genres of the catalogue files have the most followers, where each artist counts once, in the first genre?
SELECT genre, COUNT(*) AS artists, SUM(followers) AS followers
FROM (
    SELECT c.catalog_artist_key, MIN(c.genre) AS genre, MAX(c.followers) AS followers
    FROM catalog_tracks c
    WHERE c.genre IS NOT NULL AND c.followers IS NOT NULL
    GROUP BY c.catalog_artist_key
) artists
GROUP BY genre
ORDER BY followers DESC, genre
