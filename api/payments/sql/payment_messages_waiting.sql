SELECT webhook_id, type, intent_id, amount, currency, refund_id
FROM payment_messages WHERE intent_id = $1::text AND state = 'waiting'
ORDER BY received_at, webhook_id
