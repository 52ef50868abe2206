WITH counted AS (
    SELECT g.event_id, k.kind, count(*)::numeric AS total
    FROM guests g
    CROSS JOIN LATERAL (VALUES ('guests', g.status <> 'cancelled'),
                               ('confirmed', g.status IN ('confirmed', 'checked_in')),
                               ('check_ins', g.status = 'checked_in')) AS k (kind, counts)
    WHERE k.counts
    GROUP BY 1, 2
    UNION ALL
    SELECT p.event_id, k.kind, sum(k.amount)
    FROM payments p
    CROSS JOIN LATERAL (VALUES ('gross', p.amount), ('refunded', p.refunded_amount)) AS k (kind, amount)
    WHERE p.status = 'succeeded' AND k.amount > 0
    GROUP BY 1, 2
), recorded AS (
    SELECT event_id, kind, CASE WHEN kind IN ('gross', 'refunded') THEN sum(amount) ELSE sum(n) END AS total
    FROM (SELECT event_id, kind, n, amount FROM statistics_deltas
          UNION ALL
          SELECT event_id, kind, n, amount FROM event_statistics) s
    WHERE kind NOT IN ('registrations', 'cancellations')
    GROUP BY 1, 2
)
SELECT event_id::text AS id,
       format('statistics say %s %s, the rows %s', coalesce(r.total, 0), kind, coalesce(c.total, 0)) AS detail
FROM counted c
FULL JOIN recorded r USING (event_id, kind)
WHERE coalesce(c.total, 0) <> coalesce(r.total, 0)
ORDER BY event_id, kind
