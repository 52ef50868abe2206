-- $1 event, $2 ticket type or NULL: all, $3 request id, $4 traceparent.
WITH locked AS MATERIALIZED (
    SELECT t.id
    FROM guests g
    JOIN tickets t ON t.guest_id = g.id
    WHERE g.event_id = $1::bigint AND g.status <> 'cancelled' AND t.status <> 'cancelled'
          AND ($2::bigint IS NULL OR t.ticket_type_id = $2::bigint)
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
), renewed AS (
    UPDATE tickets t
    SET doc_version = t.doc_version + 1, status = 'pending', edit_version = t.edit_version + 1,
        updated_at = clock_timestamp()
    FROM locked
    WHERE t.id = locked.id
    RETURNING t.id
)
INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
SELECT gen_random_uuid(), 'generate-ticket-pdf', r.id, $3::text, $4::text
FROM renewed r
RETURNING id
