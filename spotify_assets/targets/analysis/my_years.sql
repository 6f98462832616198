-- What was each of my years like?
SELECT r.listener, r.year,
    ROUND(r.ms_played / 3.6e6, 2) AS hours,
    ROUND(r.year_before_ms_played / 3.6e6, 2) AS hours_before,
    r.artists, r.new_artists, r.discoveries_kept, r.top_month, r.biggest_day, r.longest_streak_days,
    r.obsessive_week_track, r.obsessive_week_artist, r.top_genre, r.listening_age, r.wrapped_plays
FROM yearly_recap r
ORDER BY r.listener, r.year
