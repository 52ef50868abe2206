-- $1 payment, $2 deadline of the request that records, $3 intent, $4 client secret, $5 the service's expiry or NULL.
UPDATE payments
SET status = 'requires_payment', intent_id = $3::text, client_secret = $4::text,
    expires_at = least(expires_at, $5::timestamptz), deadline_at = NULL, updated_at = now()
WHERE id = $1::bigint AND status = 'created' AND deadline_at = $2::timestamptz
  AND NOT EXISTS (SELECT FROM events e WHERE e.id = payments.event_id AND e.status = 'cancelled')
