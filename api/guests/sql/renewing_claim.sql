-- An event with a change that not all tickets show; a newer change starts from the first guest.
SELECT id, page_seq, CASE WHEN renewing_seq = page_seq THEN renewing_after ELSE 0 END
FROM events WHERE renewed_seq < page_seq ORDER BY random() LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
