SELECT e.id::text AS id,
       format('current_attendees is %s of %s, live guests are %s', e.current_attendees, e.max_attendees,
              count(g.id)) AS detail
FROM events e
LEFT JOIN guests g ON g.event_id = e.id AND g.status <> 'cancelled'
GROUP BY e.id
HAVING e.current_attendees <> count(g.id) OR count(g.id) > e.max_attendees
ORDER BY e.id
LIMIT $1::bigint
