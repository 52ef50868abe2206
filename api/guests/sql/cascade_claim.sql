-- A cancelled event whose guests are not all done; nobody else's.
SELECT id, cancel_after FROM events WHERE cancel_after IS NOT NULL ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
