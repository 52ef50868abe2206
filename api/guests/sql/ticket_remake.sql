UPDATE tickets
SET status = 'pending', doc_version = doc_version + 1, edit_version = edit_version + 1, updated_at = now()
WHERE id = $1::bigint AND status <> 'cancelled'
