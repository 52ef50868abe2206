-- Holds of an event end now, those of disputed money too. $1 event, $2 how many; the rest follows in the background.
WITH locked AS MATERIALIZED (
    SELECT id FROM payments
    WHERE event_id = $1::bigint AND status IN ('requires_payment', 'failed', 'disputed')
      AND expires_at > clock_timestamp()
    ORDER BY id
    LIMIT $2::bigint
    FOR NO KEY UPDATE
)
UPDATE payments p
SET expires_at = clock_timestamp(), updated_at = clock_timestamp()
FROM locked
WHERE p.id = locked.id
