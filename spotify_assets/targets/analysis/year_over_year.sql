-- Do I listen more than the year before?
SELECT listener, year, hours, hours_before,
    CASE WHEN hours_before > 0 THEN ROUND(100.0 * (hours - hours_before) / hours_before, 1) END AS change_percent
FROM (
    SELECT listener, year, hours, LAG(hours) OVER (PARTITION BY listener ORDER BY year) AS hours_before
    FROM (
        SELECT m.listener, d.year, ROUND(SUM(m.ms_played) / 3.6e6, 2) AS hours
        FROM daily_listening m
        JOIN dim_date d ON d.date = m.date
        GROUP BY m.listener, d.year
    ) years
) compared
ORDER BY listener, year
