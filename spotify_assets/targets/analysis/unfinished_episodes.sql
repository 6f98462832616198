-- Which podcast episodes did I begin and never hear to the end?
SELECT listener, place, show_name, episode_name, minutes, parts, last_played_on
FROM (
    SELECT e.listener, e.show_name, e.episode_name, ROUND(e.ms_played / 6e4, 1) AS minutes, e.parts,
        CAST(e.last_played_at AS DATE) AS last_played_on,
        ROW_NUMBER() OVER (PARTITION BY e.listener ORDER BY e.ms_played DESC, e.episode_key) AS place
    FROM episode_metrics e
    WHERE NOT e.finished AND e.parts > 0
) begun
WHERE place <= 50
ORDER BY listener, place
