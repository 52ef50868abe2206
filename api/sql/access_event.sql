-- $1 event, $2 unused, $3 caller. Columns of all access_*: see access.c.
SELECT e.id, e.organizer_id, e.status,
       EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $3::bigint),
       e.id, NULL::bigint, NULL::bigint, NULL::text
FROM events e
WHERE e.id = $1::bigint AND e.deleted_at IS NULL AND $2::bigint IS NOT NULL
