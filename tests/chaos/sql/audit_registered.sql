-- Who was told that he is registered is there, under that id, with the code that he was told last.
WITH reissued AS (
    SELECT guest_id, bool_or(outcome = 'unknown') AS doubtful,
           (array_agg(code ORDER BY done_us DESC) FILTER (WHERE outcome = 'ok'))[1] AS code
    FROM chaos.ops WHERE kind = 'reissue' GROUP BY 1
)
SELECT o.number, format('guest %s %s: %s', o.guest_id, o.email,
                        CASE WHEN g.id IS NULL THEN 'is not there'
                             WHEN g.deleted_at IS NOT NULL THEN 'is deleted'
                             ELSE 'has code ' || coalesce(t.ticket_code, 'none') || ', not '
                                  || coalesce(r.code, o.code) END)
FROM chaos.ops o
LEFT JOIN guests g ON g.id = o.guest_id AND g.email = o.email AND g.event_id = o.event_id
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN reissued r ON r.guest_id = o.guest_id
WHERE o.kind IN ('register', 'register-paid') AND o.outcome = 'ok'
  AND (g.id IS NULL OR g.deleted_at IS NOT NULL
       OR (o.code IS NOT NULL AND t.ticket_code IS DISTINCT FROM coalesce(r.code, o.code) AND r.doubtful IS NOT TRUE))
UNION ALL
SELECT o.number, format('code %s of guest %s was replaced and is not retired', o.value, o.guest_id)
FROM chaos.ops o
WHERE o.kind = 'reissue' AND o.outcome = 'ok'
  AND NOT EXISTS (SELECT FROM retired_codes c JOIN tickets t ON t.id = c.ticket_id
                  WHERE c.ticket_code = o.value AND t.guest_id = o.guest_id)
