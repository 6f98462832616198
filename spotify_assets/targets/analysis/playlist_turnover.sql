-- How much do the playlists that I follow change, month by month?
SELECT p.playlist_key, p.playlist_name, d.month_start,
    SUM(CASE WHEN c.change = 'entered' THEN 1 ELSE 0 END) AS entered,
    SUM(CASE WHEN c.change = 'left' THEN 1 ELSE 0 END) AS dropped,
    SUM(CASE WHEN c.change = 'moved' THEN 1 ELSE 0 END) AS moved
FROM playlist_changes c
JOIN dim_date d ON d.date = c.snapshot_date
JOIN dim_playlist p ON p.playlist_key = c.playlist_key AND p.is_current
GROUP BY p.playlist_key, p.playlist_name, d.month_start
ORDER BY p.playlist_name, d.month_start, p.playlist_key
