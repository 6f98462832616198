-- Do I skip more, or less, the longer a session goes on?
SELECT b.listener, b.value AS place_in_session, b.plays,
    b.skips_known AS plays_where_it_is_known,
    ROUND(100.0 * b.skips / NULLIF(b.skips_known, 0), 1) AS skipped_percent
FROM listening_behaviour b
WHERE b.year = 0 AND b.dimension = 'position_in_session'
ORDER BY b.listener, CASE b.value WHEN '1' THEN 1 WHEN '2' THEN 2 WHEN '3-5' THEN 3 WHEN '6-10' THEN 4 ELSE 5 END
