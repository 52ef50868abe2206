-- Counted from the guests, not from the counters.
SELECT 'event ' || e.id AS id, format('%s live guests, %s seats', count(*), e.max_attendees) AS detail
FROM guests g JOIN events e ON e.id = g.event_id
WHERE g.status <> 'cancelled'
GROUP BY e.id HAVING count(*) > e.max_attendees
UNION ALL
SELECT 'ticket type ' || t.id, format('%s live guests, %s to sell', count(*), t.quantity)
FROM guests g JOIN ticket_types t ON t.id = g.ticket_type_id
WHERE g.status <> 'cancelled'
GROUP BY t.id HAVING count(*) > t.quantity
