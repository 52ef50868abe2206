SELECT t.id::text AS id, format('ticket and guest %s differ in event or ticket type', g.id) AS detail
FROM tickets t
JOIN guests g ON g.id = t.guest_id
WHERE t.status <> 'cancelled'
  AND (t.event_id <> g.event_id OR t.ticket_type_id IS DISTINCT FROM g.ticket_type_id)
ORDER BY t.id
LIMIT $1::bigint
