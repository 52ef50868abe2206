SELECT g.id::text AS id,
       format('%s guest %s a ticket type has %s live tickets', g.status,
              CASE WHEN g.ticket_type_id IS NULL THEN 'without' ELSE 'with' END, count(t.id)) AS detail
FROM guests g
LEFT JOIN tickets t ON t.guest_id = g.id AND t.status <> 'cancelled'
GROUP BY g.id
HAVING count(t.id) <> CASE WHEN g.ticket_type_id IS NOT NULL AND g.status IN ('confirmed', 'checked_in')
                           THEN 1 ELSE 0 END
ORDER BY g.id
LIMIT $1::bigint
