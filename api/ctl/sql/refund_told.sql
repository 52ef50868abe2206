-- $1 refund, $2 its id at the payment service.
INSERT INTO payment_messages (webhook_id, type, intent_id, amount, currency, refund_id, state, body)
SELECT 'corectl-refund-' || r.id, 'payment.refunded', p.intent_id, r.amount, r.currency, $2::text, 'waiting', ''
FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE r.id = $1::bigint AND r.status = 'dead'
