-- In which countries do I listen, on how many days, and from when to when?
SELECT p.listener, p.conn_country,
    SUM(p.plays) AS plays,
    ROUND(SUM(p.ms_played) / 3.6e6, 2) AS hours,
    SUM(p.days) AS days,
    MIN(p.month) AS first_month,
    MAX(p.month) AS last_month
FROM listening_places p
GROUP BY p.listener, p.conn_country
ORDER BY p.listener, hours DESC, p.conn_country
