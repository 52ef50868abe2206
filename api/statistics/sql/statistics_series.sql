-- $1 event, $2 hour or day, $3 from, $4 to, $5 buckets at most: one more row says that there are more.
WITH bucket AS MATERIALIZED (
    SELECT b.begins, b.ends, row_number() OVER (ORDER BY b.begins)::integer AS nr
    FROM events e
    CROSS JOIN LATERAL (
        SELECT * FROM statistics_hours($3::timestamptz, $4::timestamptz, e.time_zone) WHERE $2::text = 'hour'
        UNION ALL
        SELECT * FROM statistics_days($3, $4, e.time_zone) WHERE $2 = 'day'
    ) b
    WHERE e.id = $1::bigint
    ORDER BY b.begins
    LIMIT $5::integer + 1
), extent AS (
    SELECT min(begins) AS begins, max(ends) AS ends, array_agg(begins ORDER BY nr) AS edges FROM bucket
), counted AS (
    SELECT width_bucket(c.quarter, extent.edges) AS nr, c.kind, c.n, c.amount
    FROM extent
    CROSS JOIN LATERAL (
        SELECT s.quarter, s.kind, s.n, s.amount FROM event_statistics s
        WHERE s.event_id = $1 AND s.quarter >= extent.begins AND s.quarter < extent.ends
        UNION ALL
        SELECT d.quarter, d.kind, d.n, d.amount FROM statistics_deltas d
        WHERE d.event_id = $1 AND d.quarter >= extent.begins AND d.quarter < extent.ends
    ) c
), summed AS (
    SELECT nr,
           sum(n) FILTER (WHERE kind = 'registrations') AS registrations,
           sum(n) FILTER (WHERE kind = 'cancellations') AS cancellations,
           sum(n) FILTER (WHERE kind = 'check_ins') AS check_ins,
           sum(amount) FILTER (WHERE kind = 'gross') AS gross,
           sum(amount) FILTER (WHERE kind = 'refunded') AS refunded
    FROM counted GROUP BY 1
)
SELECT bucket.begins AS at, extent.ends AS "to",
       coalesce(registrations, 0) AS registrations, coalesce(cancellations, 0) AS cancellations,
       coalesce(check_ins, 0) AS check_ins, coalesce(gross, 0) AS gross, coalesce(refunded, 0) AS refunded
FROM bucket
CROSS JOIN extent
LEFT JOIN summed USING (nr)
ORDER BY nr
