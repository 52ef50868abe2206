-- Rows that name things of two events.
SELECT d.id, d.detail
FROM (
    SELECT p.id::text AS id, format('payment is of event %s, its guest of %s', p.event_id, g.event_id) AS detail
    FROM payments p JOIN guests g ON g.id = p.guest_id WHERE p.event_id <> g.event_id
    UNION ALL
    SELECT n.id::text, format('notification is of event %s, its guest of %s', n.event_id, g.event_id)
    FROM notifications n JOIN guests g ON g.id = n.guest_id WHERE n.event_id <> g.event_id
    UNION ALL
    SELECT s.id::text, format('scan is of event %s, its ticket of %s', s.event_id, t.event_id)
    FROM ticket_scans s JOIN tickets t ON t.id = s.ticket_id WHERE s.event_id <> t.event_id
    UNION ALL
    SELECT s.id::text, format('scan is of guest %s, its ticket of %s', s.guest_id, t.guest_id)
    FROM ticket_scans s JOIN tickets t ON t.id = s.ticket_id WHERE s.guest_id <> t.guest_id
    UNION ALL
    SELECT s.event_id::text, format('statistics of ticket type %s, which is of event %s', t.id, t.event_id)
    FROM (SELECT DISTINCT event_id, ticket_type_id FROM event_statistics
          UNION SELECT event_id, ticket_type_id FROM statistics_deltas) s
    JOIN ticket_types t ON t.id = s.ticket_type_id WHERE s.event_id <> t.event_id
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
