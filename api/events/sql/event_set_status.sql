UPDATE events
SET status = $2::text, edit_version = edit_version + 1, updated_at = clock_timestamp()
WHERE id = $1::bigint
