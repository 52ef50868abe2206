-- $1 ticket, $2 unused, $3 caller.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       t.id, g.id, g.registered_by, t.ticket_code
FROM tickets t
JOIN guests g ON g.id = t.guest_id AND g.deleted_at IS NULL
JOIN events e ON e.id = t.event_id AND e.deleted_at IS NULL
WHERE t.id = $1::bigint AND $2::bigint IS NOT NULL
