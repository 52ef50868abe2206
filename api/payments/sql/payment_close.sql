-- End an open payment; its intent, known or not, is cancelled at the service later. A key that waited for the intent
-- starts afresh.
WITH ended AS (
    UPDATE payments
    SET status = CASE status WHEN 'created' THEN 'void' ELSE 'cancelled' END, client_secret = NULL, next_at = NULL,
        void_at = now(), updated_at = now()
    WHERE id = $1::bigint AND status IN ('created', 'requires_payment', 'failed')
    RETURNING guest_id
)
DELETE FROM idempotency_keys k
USING ended JOIN guests g ON g.id = ended.guest_id
WHERE k.caller_id = g.registered_by AND k.guest_id = g.id AND k.state = 'held'
