-- Nobody is there twice, or whom nobody registered, or who was refused.
SELECT coalesce(min(o.number), 0),
       format('%s is there %s times, registration %s (%s)', g.email, count(DISTINCT g.id),
              coalesce(min(o.outcome), 'not tried'), min(o.detail))
FROM guests g
LEFT JOIN chaos.ops o ON o.email = g.email AND o.event_id = g.event_id AND o.kind IN ('register', 'register-paid')
WHERE g.deleted_at IS NULL
GROUP BY g.email
HAVING count(DISTINCT g.id) > 1 OR count(o.number) = 0 OR bool_or(o.outcome = 'fail')
