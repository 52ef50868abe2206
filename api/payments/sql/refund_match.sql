-- Which refund does the service's word of a refund mean? $1 payment, $2 the service's id or NULL, $3 amount.
-- same: that one. wait: it may be one whose id we do not know yet. adopt: given up by us, made after all. foreign: of
-- another payment. No row: one that the service made by itself.
SELECT m.id, m.status, m.match
FROM (
    SELECT r.id, r.status,
           CASE WHEN r.refund_id = $2::text AND r.payment_id <> $1::bigint THEN 'foreign'
                WHEN r.refund_id = $2 THEN 'same'
                WHEN $2 IS NULL AND r.refund_id IS NOT NULL AND r.status <> 'done' AND r.amount = $3::numeric THEN 'same'
                WHEN r.refund_id IS NULL AND r.status IN ('requested', 'failed') THEN 'wait'
                WHEN r.refund_id IS NULL AND r.status = 'dead' AND r.amount = $3 THEN 'adopt' END AS match
    FROM refunds r
    WHERE r.payment_id = $1 OR r.refund_id = $2
) m
WHERE m.match IS NOT NULL
ORDER BY array_position(ARRAY['same', 'foreign', 'wait', 'adopt'], m.match), m.id
LIMIT 1
