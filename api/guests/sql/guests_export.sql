-- A page of an export: $1 event, $2 id of the last guest that was given, $3 rows.
SELECT g.id, g.first_name, g.last_name, g.email, g.phone, g.type, g.status, g.ticket_type_id,
       y.name AS ticket_type, t.ticket_code, g.external_id, g.locale, g.created_at, g.checked_in_at
FROM guests g
LEFT JOIN ticket_types y ON y.id = g.ticket_type_id
LEFT JOIN tickets t ON t.guest_id = g.id
WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL AND g.id > $2::bigint
ORDER BY g.id
LIMIT $3::bigint
