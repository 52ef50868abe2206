UPDATE guests
SET status = $2::text, cancelled_at = CASE $2 WHEN 'cancelled' THEN now() END,
    edit_version = edit_version + 1, updated_at = now()
WHERE id = $1::bigint
