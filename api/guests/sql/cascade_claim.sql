-- A cancelled event whose guests are not all done; nobody else's; any, so that one that fails does not hold up the rest.
SELECT id, cancel_after FROM events WHERE cancel_after IS NOT NULL ORDER BY random() LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
