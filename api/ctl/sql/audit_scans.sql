-- The log of the door against who is in. An admission stands until it is undone, and each undo is on record.
SELECT d.id, d.detail
FROM (
    SELECT g.id::text AS id, format('guest is %s since %s, the scan log has %s admissions that stand, the last of %s',
                                    g.status, g.checked_in_at, coalesce(s.standing, 0), s.at) AS detail
    FROM guests g
    LEFT JOIN (SELECT guest_id, count(*) AS standing, max(validated_at) AS at FROM ticket_scans
               WHERE outcome = 'admitted' AND NOT undone GROUP BY guest_id) s ON s.guest_id = g.id
    WHERE coalesce(s.standing, 0) <> CASE g.status WHEN 'checked_in' THEN 1 ELSE 0 END
       OR g.status = 'checked_in' AND s.at IS DISTINCT FROM g.checked_in_at
    UNION ALL
    SELECT guest_id::text, format('%s admissions were taken back, %s undos are on record',
                                  count(*) FILTER (WHERE undone), count(*) FILTER (WHERE outcome = 'undone'))
    FROM ticket_scans WHERE guest_id IS NOT NULL
    GROUP BY guest_id
    HAVING count(*) FILTER (WHERE undone) <> count(*) FILTER (WHERE outcome = 'undone')
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
