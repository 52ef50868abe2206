SELECT id, event_id, guest_id, intent_id, method, amount, currency, status, refunded_amount, client_secret, expires_at,
       created_at
FROM payments WHERE id = $1::bigint
