-- Without an endDate an event ends 24 hours after its date. $1 events at most.
UPDATE events e
SET status = 'completed', edit_version = e.edit_version + 1, updated_at = clock_timestamp()
FROM (SELECT id FROM events
      WHERE status = 'active' AND coalesce(end_date, event_date + interval '24 hours') <= now() AND deleted_at IS NULL
      ORDER BY id LIMIT $1::bigint FOR NO KEY UPDATE SKIP LOCKED) due
WHERE e.id = due.id
RETURNING e.id
