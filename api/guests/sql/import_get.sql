SELECT id, event_id, status, dry_run, total, processed, created, updated, rejected
FROM imports WHERE id = $1::bigint
