-- Who is registered twice. Sorted and counted from the rows: an index that is broken is found out.
SELECT d.id, d.detail
FROM (
    SELECT min(g.id)::text AS id, format('event %s has %s live guests of one address: %s', g.event_id, count(*),
                                         string_agg(g.id::text, ' ' ORDER BY g.id)) AS detail
    FROM guests g WHERE g.status <> 'cancelled'
    GROUP BY g.event_id, lower(g.email) HAVING count(*) > 1
    UNION ALL
    SELECT min(g.id)::text, format('event %s has %s live guests of one external id: %s', g.event_id, count(*),
                                   string_agg(g.id::text, ' ' ORDER BY g.id))
    FROM guests g WHERE g.status <> 'cancelled' AND g.external_id IS NOT NULL
    GROUP BY g.event_id, g.external_id HAVING count(*) > 1
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
