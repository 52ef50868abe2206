-- Who was told that he is registered is there, under that id, with that code.
SELECT o.number, format('guest %s %s: %s', o.guest_id, o.email,
                        CASE WHEN g.id IS NULL THEN 'is not there'
                             WHEN g.deleted_at IS NOT NULL THEN 'is deleted'
                             ELSE 'has code ' || coalesce(t.ticket_code, 'none') || ', not ' || o.code END)
FROM chaos.ops o
LEFT JOIN guests g ON g.id = o.guest_id AND g.email = o.email AND g.event_id = o.event_id
LEFT JOIN tickets t ON t.guest_id = g.id
WHERE o.kind IN ('register', 'register-paid') AND o.outcome = 'ok'
  AND (g.id IS NULL OR g.deleted_at IS NOT NULL OR (o.code IS NOT NULL AND t.ticket_code IS DISTINCT FROM o.code))
