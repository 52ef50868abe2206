-- $1 event, $2 ticket type, $3 caller.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       t.id, NULL::bigint, NULL::bigint, NULL::text
FROM events e
JOIN ticket_types t ON t.event_id = e.id AND t.id = $2::bigint AND t.deleted_at IS NULL
WHERE e.id = $1::bigint AND e.deleted_at IS NULL
