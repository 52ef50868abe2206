-- $1 event, $2 change, $3 guest up to whom it is told; NULL: told to all.
UPDATE events
SET telling_seq = $2::bigint, telling_after = coalesce($3::bigint, 0),
    told_seq = CASE WHEN $3 IS NULL THEN $2 ELSE told_seq END
WHERE id = $1::bigint
