-- Intents with messages that wait although their payment is known. $1 how many messages.
WITH due AS MATERIALIZED (
    SELECT m.webhook_id
    FROM payment_messages m
    WHERE m.state = 'waiting' AND m.received_at < clock_timestamp() - interval '2 seconds'
      AND (m.next_at IS NULL OR m.next_at <= clock_timestamp())
      AND EXISTS (SELECT FROM payments p WHERE p.intent_id = m.intent_id)
    ORDER BY m.received_at
    LIMIT $1::bigint
    FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE payment_messages m SET next_at = clock_timestamp() + interval '5 seconds'
    FROM due WHERE m.webhook_id = due.webhook_id
    RETURNING m.intent_id
)
SELECT DISTINCT intent_id FROM claimed
