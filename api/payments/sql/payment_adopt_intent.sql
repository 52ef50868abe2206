UPDATE payments SET intent_id = $2::text, updated_at = now() WHERE id = $1::bigint AND intent_id IS NULL
