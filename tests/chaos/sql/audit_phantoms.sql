-- Nobody is there twice, or whom nobody registered or imported, or who was refused.
SELECT coalesce(min(o.number), min(m.number), 0),
       format('%s is there %s times, registration %s (%s)', g.email, count(DISTINCT g.id),
              coalesce(min(o.outcome), min(m.outcome), 'not tried'), min(o.detail))
FROM guests g
LEFT JOIN chaos.ops o ON o.email = g.email AND o.event_id = g.event_id AND o.kind IN ('register', 'register-paid')
LEFT JOIN chaos.ops m ON m.email || '@chaos.example' = regexp_replace(g.email, '-[0-9]+@', '@')
    AND m.event_id = g.event_id AND m.kind = 'import'
WHERE g.deleted_at IS NULL
GROUP BY g.email
HAVING count(DISTINCT g.id) > 1 OR coalesce(bool_or(o.outcome = 'fail'), bool_and(m.outcome = 'fail'), true)
