UPDATE payments
SET status = CASE status WHEN 'created' THEN 'void' ELSE 'cancelled' END, client_secret = NULL, updated_at = now()
WHERE id = $1::bigint AND status IN ('created', 'requires_payment', 'failed')
