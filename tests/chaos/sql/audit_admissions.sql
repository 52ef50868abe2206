-- One admission a ticket, and one more an admission that was taken back.
SELECT min(s.number), format('ticket of guest %s admitted %s times, taken back %s times at most', s.guest_id,
                             count(*), coalesce(min(u.tries), 0))
FROM chaos.ops s
LEFT JOIN (SELECT guest_id, sum(tries) AS tries FROM chaos.ops WHERE kind = 'undo' GROUP BY 1) u
    ON u.guest_id = s.guest_id
WHERE s.kind = 'scan' AND s.outcome = 'ok'
GROUP BY s.guest_id HAVING count(*) > 1 + coalesce(min(u.tries), 0)
UNION ALL
SELECT s.number, format('scan %s of guest %s was let in and is noted as %s', s.key, s.guest_id,
                        coalesce(t.outcome, 'nothing'))
FROM chaos.ops s
LEFT JOIN ticket_scans t ON t.event_id = s.event_id AND t.scan_id = s.key::uuid
WHERE s.kind = 'scan' AND s.outcome = 'ok' AND t.outcome IS DISTINCT FROM 'admitted'
UNION ALL
SELECT 0, format('guest %s is %s with %s admissions that hold', g.id, g.status, count(t.id))
FROM guests g
LEFT JOIN ticket_scans t ON t.guest_id = g.id AND t.outcome = 'admitted' AND NOT t.undone
GROUP BY g.id
HAVING count(t.id) > 1 OR (count(t.id) = 1) <> (g.status = 'checked_in')
