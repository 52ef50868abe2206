-- Payments of a guest, newest first. $1 guest, $2 createdAt and $3 id of the last one seen, $4 limit, $5 offset.
SELECT id, event_id, guest_id, intent_id, method, amount, currency, status, refunded_amount, client_secret, expires_at,
       created_at
FROM payments
WHERE guest_id = $1::bigint AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::bigint))
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint OFFSET $5::bigint
