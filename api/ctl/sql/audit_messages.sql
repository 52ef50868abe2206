-- Webhooks that wait, and ones that were heard and not heeded.
SELECT d.id, d.detail
FROM (
    SELECT m.webhook_id AS id, format('%s of %s waits since %s', m.type, m.intent_id, m.received_at) AS detail
    FROM payment_messages m
    WHERE m.state = 'waiting' AND m.received_at < now() - interval '1 hour'
    UNION ALL
    SELECT m.webhook_id, format('%s of %s was applied, its payment is %s', m.type, m.intent_id,
                                coalesce(p.status, 'missing'))
    FROM payment_messages m LEFT JOIN payments p ON p.intent_id = m.intent_id
    WHERE m.state = 'applied' AND m.type = 'payment.succeeded'
      AND coalesce(p.status NOT IN ('succeeded', 'disputed'), true)
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
