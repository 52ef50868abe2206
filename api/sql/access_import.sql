-- $1 import, $2 unused, $3 caller.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       i.id, NULL::bigint, NULL::bigint, NULL::text
FROM imports i
JOIN events e ON e.id = i.event_id AND e.deleted_at IS NULL
WHERE i.id = $1::bigint AND i.status <> 'receiving' AND $2::bigint IS NOT NULL
