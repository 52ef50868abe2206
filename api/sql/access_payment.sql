-- $1 payment, $2 unused, $3 caller.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       p.id, g.id, g.registered_by, NULL::text
FROM payments p
JOIN guests g ON g.id = p.guest_id AND g.deleted_at IS NULL
JOIN events e ON e.id = p.event_id AND e.deleted_at IS NULL
WHERE p.id = $1::bigint AND $2::bigint IS NOT NULL
