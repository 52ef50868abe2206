SELECT t.id, t.event_id, t.guest_id, t.ticket_type_id, t.ticket_code,
       ticket_status(t.status, t.page_seq, y.page_seq) AS status, t.validated_at, t.created_at, t.updated_at,
       t.edit_version
FROM tickets t
JOIN ticket_types y ON y.id = t.ticket_type_id
WHERE t.id = $1::bigint
