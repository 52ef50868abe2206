-- $1 event, $2 guest, $3 caller.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       g.id, g.id, g.registered_by, NULL::text
FROM events e
JOIN guests g ON g.event_id = e.id AND g.id = $2::bigint AND g.deleted_at IS NULL
WHERE e.id = $1::bigint AND e.deleted_at IS NULL
