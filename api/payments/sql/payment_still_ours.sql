SELECT id FROM payments WHERE id = $1::bigint AND status = 'created' AND deadline_at = $2::timestamptz
