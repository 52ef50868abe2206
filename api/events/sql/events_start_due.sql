-- $1 events at most.
UPDATE events e
SET status = 'active', edit_version = e.edit_version + 1, updated_at = clock_timestamp()
FROM (SELECT id FROM events
      WHERE status = 'published' AND event_date <= now() AND deleted_at IS NULL
      ORDER BY id LIMIT $1::bigint FOR NO KEY UPDATE SKIP LOCKED) due
WHERE e.id = due.id
