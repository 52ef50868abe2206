-- A page of what is printed: $1 behind this ticket, $2 how many.
SELECT id, event_id, guest_id, issued_at_ms, qr_code_data
FROM tickets
WHERE id > $1::bigint AND status = 'ready'
ORDER BY id
LIMIT $2::bigint
