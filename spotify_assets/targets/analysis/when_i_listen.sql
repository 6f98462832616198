-- On which days and at what time of day do I listen?
SELECT c.listener, c.day_of_week, t.part_of_day,
    SUM(c.plays) AS plays,
    ROUND(SUM(c.ms_played) / 3.6e6, 2) AS hours
FROM listening_clock c
JOIN dim_time t ON t.hour = c.hour
GROUP BY c.listener, c.day_of_week, t.part_of_day
ORDER BY c.listener, c.day_of_week, t.part_of_day
