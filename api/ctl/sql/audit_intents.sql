-- Payments through the service of a period, by id. $1 after this id, $2 from, $3 to (either may be NULL), $4 how many.
SELECT id::text AS id, id AS number, intent_id, status, void_at IS NOT NULL AS voiding
FROM payments
WHERE id > $1::bigint AND intent_id IS NOT NULL
  AND created_at >= coalesce($2::timestamptz, '-infinity') AND created_at < coalesce($3::timestamptz, 'infinity')
ORDER BY id
LIMIT $4::bigint
