-- Nothing is left to cancel at the service.
UPDATE payments SET void_at = NULL WHERE id = $1::bigint AND void_at IS NOT NULL
