SELECT t.id::text AS id, format('sold is %s of %s, live guests are %s', t.sold, t.quantity, count(g.id)) AS detail
FROM ticket_types t
LEFT JOIN guests g ON g.event_id = t.event_id AND g.ticket_type_id = t.id AND g.status <> 'cancelled'
GROUP BY t.id
HAVING t.sold <> count(g.id) OR count(g.id) > t.quantity
ORDER BY t.id
LIMIT $1::bigint
