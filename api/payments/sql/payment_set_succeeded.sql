UPDATE payments
SET status = 'succeeded', paid_at = now(), client_secret = NULL, next_at = NULL, void_at = NULL, updated_at = now()
WHERE id = $1::bigint
