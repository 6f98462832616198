-- How long do I listen to a track on average, of those that I play most?
SELECT listener, place, track_name, artist_name, total_plays, ROUND(avg_ms_played / 1000.0, 1) AS seconds_a_play
FROM (
    SELECT m.listener, m.track_name, m.artist_name, m.total_plays, m.avg_ms_played,
        ROW_NUMBER() OVER (PARTITION BY m.listener ORDER BY m.total_plays DESC, m.recording_key) AS place
    FROM track_metrics m
) most_played
WHERE place <= 50
ORDER BY listener, place
