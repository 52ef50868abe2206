-- Tell the next guests of an event's change. $1 event, $2 change, $3 after, $4 limit, $5 request id, $6 traceparent.
WITH next AS MATERIALIZED (
    SELECT g.id, g.status FROM guests g JOIN events e ON e.id = g.event_id
    WHERE g.event_id = $1::bigint AND g.id > $3::bigint AND g.id <= e.telling_until AND g.deleted_at IS NULL
    ORDER BY g.id LIMIT $4::integer
), mail AS (
    INSERT INTO notifications (kind, event_id, guest_id, cause_id)
    SELECT 'event-changed', $1, next.id, $2::bigint FROM next WHERE next.status IN ('confirmed', 'registered')
    ON CONFLICT DO NOTHING
    RETURNING id
), job AS (
    INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
    SELECT gen_random_uuid(), 'send-email', mail.id, $5::text, $6::text FROM mail
    RETURNING id
)
SELECT (SELECT max(id) FROM next), (SELECT string_agg(id::text, ',') FROM job)
