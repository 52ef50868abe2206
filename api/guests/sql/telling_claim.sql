-- An event with a change that not all guests were told; a newer change starts from the first guest.
SELECT id, change_seq, CASE WHEN telling_seq = change_seq THEN telling_after ELSE 0 END
FROM events WHERE told_seq < change_seq ORDER BY random() LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
