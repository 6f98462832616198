-- How patient am I with tracks: how many do I hear for 10 seconds, half a minute and two minutes, year by year?
SELECT p.listener, p.year,
    SUM(p.plays) AS plays,
    ROUND(100.0 * SUM(CASE WHEN p.second_bucket >= 10 THEN p.plays ELSE 0 END) / SUM(p.plays), 1) AS seconds_10_percent,
    ROUND(100.0 * SUM(CASE WHEN p.second_bucket >= 30 THEN p.plays ELSE 0 END) / SUM(p.plays), 1) AS seconds_30_percent,
    ROUND(100.0 * SUM(CASE WHEN p.second_bucket >= 120 THEN p.plays ELSE 0 END) / SUM(p.plays), 1)
        AS seconds_120_percent
FROM play_lengths p
WHERE p.year <> 0
GROUP BY p.listener, p.year
ORDER BY p.listener, p.year
