SELECT id FROM events WHERE id = $1::bigint FOR NO KEY UPDATE
