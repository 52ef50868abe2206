-- The last change that was answered holds, unless one without an answer came late.
WITH spoken AS (
    SELECT o.kind, coalesce(o.guest_id, 0) AS guest_id, o.event_id, o.number, o.value, o.outcome, o.doubted,
           o.begun_us, max(o.done_us) FILTER (WHERE o.outcome = 'ok')
               OVER (PARTITION BY o.kind, o.event_id, o.guest_id) AS last_us, o.done_us
    FROM chaos.ops o WHERE o.kind IN ('edit', 'edit-last', 'move')
), held AS (
    SELECT 'edit' AS kind, g.id AS guest_id, g.event_id, g.first_name::text AS value FROM guests g
    UNION ALL
    SELECT 'edit-last', g.id, g.event_id, g.last_name FROM guests g
    UNION ALL
    SELECT 'move', 0, e.id, e.location::text FROM events e
)
SELECT s.number, format('%s of event %s guest %s: %s was answered last, %s holds', s.kind, s.event_id, s.guest_id,
                        s.value, h.value)
FROM spoken s JOIN held h USING (kind, event_id, guest_id)
WHERE s.outcome = 'ok' AND s.done_us = s.last_us AND h.value <> s.value
  AND NOT EXISTS (SELECT FROM spoken d WHERE d.kind = s.kind AND d.event_id = s.event_id AND d.guest_id = s.guest_id
                  AND d.doubted AND d.value = h.value)
