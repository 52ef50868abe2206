-- A row when this cancelled guest may live again. $1 guest; its event and ticket type are locked.
SELECT g.id
FROM guests g
JOIN events e ON e.id = g.event_id
JOIN ticket_types t ON t.id = g.ticket_type_id
WHERE g.id = $1::bigint AND g.status = 'cancelled' AND g.deleted_at IS NULL
  AND e.status IN ('draft', 'published', 'active') AND e.deleted_at IS NULL AND t.deleted_at IS NULL
  AND e.current_attendees < e.max_attendees AND t.sold < t.quantity
  AND NOT EXISTS (SELECT FROM guests o
                  WHERE o.event_id = g.event_id AND lower(o.email) = lower(g.email) AND o.status <> 'cancelled')
  AND NOT EXISTS (SELECT FROM guests o
                  WHERE o.event_id = g.event_id AND o.external_id = g.external_id AND o.status <> 'cancelled')
