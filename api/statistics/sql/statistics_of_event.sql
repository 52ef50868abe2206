-- An event's figures and, a row each, those of its ticket types (one row with a NULL type when it has
-- none). $1 event, $2 seconds back from now, NULL for all. Whole quarters are read from the roll-ups
-- and the deltas, the quarter that the period's begin cuts from the rows; one statement, one snapshot.
-- For all of the time no row is looked at: a filter on $2 alone is judged before the scan begins.
WITH period AS (
    SELECT at, begins, quarter_of(begins + interval '15 minutes' - interval '1 microsecond') AS whole
    FROM (SELECT at, at - $2::bigint * interval '1 second' AS begins
          FROM date_trunc('milliseconds', now()) AS at) p
), counted AS (
    SELECT s.ticket_type_id, s.kind, s.n, s.amount
    FROM event_statistics s, period
    WHERE s.event_id = $1::bigint AND s.kind IN ('guests', 'confirmed', 'check_ins', 'gross', 'refunded')
        AND s.quarter >= coalesce(period.whole, '-infinity')
    UNION ALL
    SELECT d.ticket_type_id, d.kind, d.n, d.amount
    FROM statistics_deltas d, period
    WHERE d.event_id = $1 AND d.kind IN ('guests', 'confirmed', 'check_ins', 'gross', 'refunded')
        AND d.quarter >= coalesce(period.whole, '-infinity')
    UNION ALL
    SELECT g.ticket_type_id, k.kind, 1, 0
    FROM period
    JOIN guests g ON g.event_id = $1 AND g.status <> 'cancelled' AND g.deleted_at IS NULL
        AND g.created_at >= period.begins AND g.created_at < period.whole
    CROSS JOIN LATERAL (VALUES ('guests', true), ('confirmed', g.status IN ('confirmed', 'checked_in')))
        AS k (kind, counts)
    WHERE k.counts AND $2 IS NOT NULL
    UNION ALL
    SELECT g.ticket_type_id, 'check_ins', 1, 0
    FROM period
    JOIN guests g ON g.event_id = $1 AND g.status = 'checked_in'
        AND g.checked_in_at >= period.begins AND g.checked_in_at < period.whole
    WHERE $2 IS NOT NULL
    UNION ALL
    SELECT NULL, 'gross', 1, p.amount
    FROM period
    JOIN payments p ON p.event_id = $1 AND p.status = 'succeeded'
        AND p.paid_at >= period.begins AND p.paid_at < period.whole
    WHERE $2 IS NOT NULL
    UNION ALL
    SELECT NULL, 'refunded', 1, r.amount
    FROM period
    JOIN payments p ON p.event_id = $1 AND p.status = 'succeeded' AND p.refunded_amount > 0
    JOIN refunds r ON r.payment_id = p.id AND r.status = 'done'
        AND r.done_at >= period.begins AND r.done_at < period.whole
    WHERE $2 IS NOT NULL
), total AS (
    SELECT coalesce(sum(n) FILTER (WHERE kind = 'guests'), 0) AS total_guests,
           coalesce(sum(n) FILTER (WHERE kind = 'confirmed'), 0) AS confirmed_guests,
           coalesce(sum(n) FILTER (WHERE kind = 'check_ins'), 0) AS checked_in_guests,
           coalesce(sum(amount) FILTER (WHERE kind = 'gross'), 0) AS gross,
           coalesce(sum(n) FILTER (WHERE kind = 'gross'), 0) AS payments,
           coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded
    FROM counted
), typed AS (
    SELECT ticket_type_id,
           coalesce(sum(n) FILTER (WHERE kind = 'guests'), 0) AS sold,
           coalesce(sum(n) FILTER (WHERE kind = 'check_ins'), 0) AS validated
    FROM counted GROUP BY 1
), inside AS (
    -- of the guests of the period, who is checked in, whenever that was
    SELECT count(*) AS n
    FROM period
    JOIN guests g ON g.event_id = $1 AND g.status = 'checked_in' AND g.created_at >= period.begins
    WHERE $2 IS NOT NULL
)
SELECT e.id AS event_id, period.at AS generated_at, e.currency,
       total.total_guests, total.confirmed_guests, total.checked_in_guests,
       CASE WHEN total.total_guests = 0 THEN 0
            ELSE (CASE WHEN $2 IS NULL THEN total.checked_in_guests ELSE inside.n END)::float8
                 / total.total_guests::float8 END AS check_in_rate,
       total.gross, total.refunded, total.gross - total.refunded AS net, total.payments,
       t.id AS ticket_type_id, t.name, coalesce(typed.sold, 0) AS sold, coalesce(typed.validated, 0) AS validated,
       t.quantity
FROM events e
CROSS JOIN period
CROSS JOIN total
CROSS JOIN inside
LEFT JOIN ticket_types t ON t.event_id = e.id AND t.deleted_at IS NULL
LEFT JOIN typed ON typed.ticket_type_id = t.id
WHERE e.id = $1
ORDER BY t.id
