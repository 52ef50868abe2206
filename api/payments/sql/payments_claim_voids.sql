-- Intents to cancel at the service, for this process alone for a while. $1 how many.
WITH due AS MATERIALIZED (
    SELECT id FROM payments
    WHERE void_at <= clock_timestamp()
    ORDER BY void_at
    LIMIT $1::bigint
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments p
SET void_attempts = p.void_attempts + 1,
    void_at = clock_timestamp() + least(10 * 2 ^ least(p.void_attempts, 10), 600) * interval '1 second'
FROM due WHERE p.id = due.id
RETURNING p.id, p.guest_id, p.event_id, p.payment_key, p.cancel_key, p.intent_id, p.amount, p.currency, p.void_attempts
