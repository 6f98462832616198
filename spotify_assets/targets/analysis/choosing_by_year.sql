-- Do I choose what I hear, shuffle it, or skip it, and how much of it do I hear at night?
SELECT p.listener, d.year, p.plays,
    ROUND(100.0 * p.deliberate_share, 1) AS chosen_percent,
    ROUND(100.0 * p.shuffle_share, 1) AS shuffled_percent,
    ROUND(100.0 * p.skip_rate, 1) AS skipped_percent,
    ROUND(100.0 * p.night_share, 1) AS night_percent
FROM period_listening p
JOIN dim_date d ON d.date = p.period_start
WHERE p.period_type = 'year'
ORDER BY p.listener, d.year
