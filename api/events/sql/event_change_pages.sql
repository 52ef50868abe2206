-- What tickets show has changed: their pages follow in the background. $1 event, locked; $2 the ticket type whose
-- tickets show it, NULL: all.
WITH change AS (
    UPDATE events SET page_seq = page_seq + 1 WHERE id = $1::bigint RETURNING page_seq
)
UPDATE ticket_types t
SET page_seq = change.page_seq
FROM change
WHERE t.event_id = $1 AND ($2::bigint IS NULL OR t.id = $2)
