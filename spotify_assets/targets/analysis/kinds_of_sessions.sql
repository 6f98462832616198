-- In what kinds of sessions do I listen, and how long are they?
SELECT s.listener, s.session_type,
    COUNT(*) AS sessions,
    ROUND(SUM(s.ms_played) / 3.6e6, 2) AS hours,
    ROUND(SUM(s.ms_played) / 6e4 / COUNT(*), 1) AS minutes_a_session,
    ROUND(1e0 * SUM(s.plays) / COUNT(*), 1) AS plays_a_session
FROM listening_sessions s
GROUP BY s.listener, s.session_type
ORDER BY s.listener, s.session_type
