UPDATE payments SET status = 'failed', updated_at = now() WHERE id = $1::bigint AND status = 'requires_payment'
