-- The import that waits longest, for some seconds ours: the pointer decides whose slice counts. One
-- that does not get on is tried at growing distances.
UPDATE imports i
SET status = 'running', attempts = i.attempts + 1,
    next_at = now() + least(5 * power(2, least(i.attempts, 6)), 300) * interval '1 second'
WHERE i.id = (SELECT q.id FROM imports q WHERE q.status IN ('queued', 'running') AND q.next_at <= now()
              ORDER BY q.next_at, q.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING i.id, i.event_id, i.format, i.size, i.scanned, i.processed, i.next_offset, i.next_line, i.total, i.attempts
