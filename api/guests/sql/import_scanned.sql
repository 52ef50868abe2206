-- Rows counted so far, and where to go on counting; at the end the pointer goes back to the first.
-- $1 import, $2 offset at which counting began, $3 and $4 where it ends now, $5 rows, $6 at the end.
WITH ended AS (
    UPDATE imports SET total = $5::integer, scanned = $6::boolean, attempts = 0, next_at = now(),
        next_offset = CASE WHEN $6 THEN 0 ELSE $3::bigint END, next_line = CASE WHEN $6 THEN 1 ELSE $4::integer END,
        status = CASE WHEN $6 AND $5 = 0 THEN 'done' ELSE status END
    WHERE id = $1::bigint AND status = 'running' AND NOT scanned AND next_offset = $2::bigint
    RETURNING id, status
)
SELECT import_clear(id) FROM ended WHERE status = 'done'
