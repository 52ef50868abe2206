SELECT id, payment_id, amount, currency, status, created_at, cause FROM refunds WHERE id = $1::bigint
