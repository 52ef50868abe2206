INSERT INTO payment_messages (webhook_id, type, intent_id, amount, currency, refund_id, state, body)
VALUES ($1::text, $2::text, $3::text, $4::numeric, $5::text, $6::text, 'waiting', $7::text)
ON CONFLICT DO NOTHING
