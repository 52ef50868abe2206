-- The holds of an event end now, those of disputed money too.
WITH locked AS MATERIALIZED (
    SELECT id FROM payments
    WHERE event_id = $1::bigint AND status IN ('requires_payment', 'failed', 'disputed')
      AND expires_at > clock_timestamp()
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE payments p
SET expires_at = clock_timestamp(), updated_at = clock_timestamp()
FROM locked
WHERE p.id = locked.id
