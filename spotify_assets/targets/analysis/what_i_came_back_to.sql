-- Which tracks did I come back to after a long time without them, and what are they to me now?
SELECT listener, place, track_name, artist_name, times_returned, longest_gap_days, total_plays, state
FROM (
    SELECT m.listener, m.track_name, m.artist_name, m.rediscoveries AS times_returned, m.longest_gap_days, m.total_plays,
        m.state,
        ROW_NUMBER() OVER (
            PARTITION BY m.listener ORDER BY m.rediscoveries DESC, m.total_plays DESC, m.recording_key) AS place
    FROM track_metrics m
    WHERE m.rediscoveries > 0
) returned
WHERE place <= 50
ORDER BY listener, place
