SELECT count(*) FROM events WHERE status = 'active' AND deleted_at IS NULL
