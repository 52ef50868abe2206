-- Have the pages of the next guests of an event made anew where they are older than a change: whoever reads the raised
-- doc_version reads what it is about, too. $1 event, $2 change, $3 after, $4 limit, $5 request id, $6 traceparent.
WITH next AS MATERIALIZED (
    SELECT g.id FROM guests g
    WHERE g.event_id = $1::bigint AND g.id > $3::bigint AND g.deleted_at IS NULL ORDER BY g.id LIMIT $4::integer
), old AS MATERIALIZED (
    SELECT t.id, y.page_seq
    FROM next
    JOIN tickets t ON t.guest_id = next.id
    JOIN ticket_types y ON y.id = t.ticket_type_id
    WHERE t.status <> 'cancelled' AND t.page_seq < least(y.page_seq, $2::bigint)
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
), renewed AS (
    UPDATE tickets t
    SET doc_version = t.doc_version + 1, page_seq = old.page_seq, status = 'pending',
        edit_version = t.edit_version + 1, updated_at = clock_timestamp()
    FROM old
    WHERE t.id = old.id
    RETURNING t.id
), job AS (
    INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
    SELECT gen_random_uuid(), 'generate-ticket-pdf', renewed.id, $5::text, $6::text FROM renewed
    RETURNING id
)
SELECT (SELECT max(id) FROM next), (SELECT string_agg(id::text, ',') FROM job)
