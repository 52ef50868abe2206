UPDATE ticket_types
SET deleted_at = clock_timestamp(), edit_version = edit_version + 1, updated_at = clock_timestamp()
WHERE id = $1::bigint
