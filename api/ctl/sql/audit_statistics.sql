-- What statistics say against the rows: guests by ticket type, money by event.
WITH counted AS (
    SELECT g.event_id, g.ticket_type_id, k.kind, count(*)::numeric AS total
    FROM guests g
    CROSS JOIN LATERAL (VALUES ('guests', g.status <> 'cancelled'),
                               ('confirmed', g.status IN ('confirmed', 'checked_in')),
                               ('check_ins', g.status = 'checked_in')) AS k (kind, counts)
    WHERE k.counts
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT p.event_id, NULL, k.kind, sum(k.amount)
    FROM payments p
    CROSS JOIN LATERAL (VALUES ('gross', p.amount), ('refunded', p.refunded_amount)) AS k (kind, amount)
    WHERE p.status = 'succeeded' AND k.amount > 0
    GROUP BY 1, 3
), recorded AS (
    SELECT s.event_id, s.ticket_type_id, s.kind, sum(s.n)::numeric AS total
    FROM (SELECT event_id, ticket_type_id, kind, n FROM statistics_deltas
          UNION ALL
          SELECT event_id, ticket_type_id, kind, n FROM event_statistics) s
    WHERE s.kind IN ('guests', 'confirmed', 'check_ins')
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT s.event_id, NULL, s.kind, sum(s.amount)
    FROM (SELECT event_id, kind, amount FROM statistics_deltas
          UNION ALL
          SELECT event_id, kind, amount FROM event_statistics) s
    WHERE s.kind IN ('gross', 'refunded')
    GROUP BY 1, 3
), both_sides AS (
    SELECT event_id, ticket_type_id, kind, sum(total) FILTER (WHERE mine) AS recorded,
           sum(total) FILTER (WHERE NOT mine) AS counted
    FROM (SELECT *, true AS mine FROM recorded UNION ALL SELECT *, false FROM counted) u
    GROUP BY 1, 2, 3
)
SELECT event_id::text AS id,
       format('statistics say %s %s%s, the rows %s', coalesce(recorded, 0), kind,
              coalesce(' of ticket type ' || ticket_type_id, ''), coalesce(counted, 0)) AS detail
FROM both_sides
WHERE coalesce(recorded, 0) <> coalesce(counted, 0)
ORDER BY event_id, kind, ticket_type_id
LIMIT $1::bigint
