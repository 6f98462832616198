-- Which track was my number one of each month, and for how many months had it been on the chart?
SELECT c.listener, c.period_start AS month_start, c.name AS track_name, c.artist_name, c.plays,
    ROUND(c.ms_played / 3.6e6, 2) AS hours,
    c.periods_on_chart AS months_on_chart
FROM top_charts c
WHERE c.entity_type = 'track' AND c.period_type = 'month' AND c.rank = 1
ORDER BY c.listener, c.period_start
