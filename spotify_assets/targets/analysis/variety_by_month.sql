-- How varied is what I hear, month by month, and how much of it is new to me?
SELECT p.listener, p.period_start AS month_start, p.tracks, p.artists,
    ROUND(p.effective_artists, 1) AS as_varied_as_artists_of_equal_time,
    p.half_of_listening_artists AS artists_of_half_the_time,
    ROUND(100.0 * p.new_tracks / NULLIF(p.tracks, 0), 1) AS new_tracks_percent,
    ROUND(100.0 * p.new_artists / NULLIF(p.artists, 0), 1) AS new_artists_percent
FROM period_listening p
WHERE p.period_type = 'month'
ORDER BY p.listener, p.period_start
