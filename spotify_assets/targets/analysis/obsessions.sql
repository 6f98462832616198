-- Which tracks was I obsessed with, for how many weeks, and after how many days did it wear off?
SELECT listener, place, track_name, artist_name, weeks, most_plays_in_7_days, most_played_until, half_life_days, state
FROM (
    SELECT m.listener, m.track_name, m.artist_name, m.obsession AS weeks,
        m.peak_7_days_plays AS most_plays_in_7_days,
        m.peak_7_days_end AS most_played_until,
        m.half_life_days, m.state,
        ROW_NUMBER() OVER (
            PARTITION BY m.listener ORDER BY m.obsession DESC, m.peak_7_days_plays DESC, m.recording_key) AS place
    FROM track_metrics m
    WHERE m.obsession > 0
) played
WHERE place <= 50
ORDER BY listener, place
