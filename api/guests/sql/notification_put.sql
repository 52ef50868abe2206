INSERT INTO notifications (kind, event_id, guest_id, cause_id)
VALUES ($1::text, $2::bigint, $3::bigint, $4::bigint)
ON CONFLICT DO NOTHING
RETURNING id
