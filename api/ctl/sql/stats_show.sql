-- $1 event: a row a ticket type, one without a type when guests have none, and the whole event last;
-- nothing when there is no such event.
WITH counted AS (
    SELECT ticket_type_id, kind, n, amount FROM event_statistics WHERE event_id = $1::bigint
    UNION ALL
    SELECT ticket_type_id, kind, n, amount FROM statistics_deltas WHERE event_id = $1
)
SELECT c.ticket_type_id,
       CASE WHEN grouping(c.ticket_type_id) = 1 THEN 'all' ELSE coalesce(max(t.name), 'no ticket type') END AS name,
       coalesce(sum(c.n) FILTER (WHERE c.kind = 'registrations'), 0) AS registrations,
       coalesce(sum(c.n) FILTER (WHERE c.kind = 'cancellations'), 0) AS cancellations,
       coalesce(sum(c.n) FILTER (WHERE c.kind = 'guests'), 0) AS guests,
       coalesce(sum(c.n) FILTER (WHERE c.kind = 'confirmed'), 0) AS confirmed,
       coalesce(sum(c.n) FILTER (WHERE c.kind = 'check_ins'), 0) AS checked_in,
       coalesce(sum(c.amount) FILTER (WHERE c.kind = 'gross'), 0) AS gross,
       coalesce(sum(c.amount) FILTER (WHERE c.kind = 'refunded'), 0) AS refunded
FROM counted c
LEFT JOIN ticket_types t ON t.id = c.ticket_type_id
GROUP BY GROUPING SETS ((c.ticket_type_id), ())
HAVING EXISTS (SELECT FROM events e WHERE e.id = $1)
ORDER BY grouping(c.ticket_type_id), c.ticket_type_id NULLS LAST
