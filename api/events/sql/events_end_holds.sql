-- Holds of completed events end now: those that were too many for the event's end, or under way. $1 how many.
WITH locked AS MATERIALIZED (
    SELECT p.id
    FROM payments p
    JOIN events e ON e.id = p.event_id
    WHERE e.status = 'completed' AND p.status IN ('requires_payment', 'failed', 'disputed')
      AND p.next_at IS DISTINCT FROM 'infinity'::timestamptz AND p.expires_at > clock_timestamp()
    ORDER BY p.id
    LIMIT $1::bigint
    FOR NO KEY UPDATE OF p SKIP LOCKED
)
UPDATE payments p
SET expires_at = clock_timestamp(), updated_at = clock_timestamp()
FROM locked
WHERE p.id = locked.id
