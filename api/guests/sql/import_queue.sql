-- The body is whole. $1 import, $2 bytes.
UPDATE imports SET status = 'queued', size = $2::bigint, next_at = now()
WHERE id = $1::bigint AND status = 'receiving'
