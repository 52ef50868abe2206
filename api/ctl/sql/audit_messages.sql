SELECT m.webhook_id AS id, format('%s of %s waits since %s', m.type, m.intent_id, m.received_at) AS detail
FROM payment_messages m
WHERE m.state = 'waiting' AND m.received_at < now() - interval '1 hour'
ORDER BY m.received_at
