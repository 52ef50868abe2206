-- $1 event, $2 change, $3 guest up to whom it is done; NULL: done for all.
UPDATE events
SET renewing_seq = $2::bigint, renewing_after = coalesce($3::bigint, 0),
    renewed_seq = CASE WHEN $3 IS NULL THEN $2 ELSE renewed_seq END
WHERE id = $1::bigint
