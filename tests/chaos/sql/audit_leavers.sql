-- Who cancelled has left; who has left was asked to, did not pay in time, or his event is off.
SELECT o.number, format('guest %s was cancelled and is %s', g.id, g.status)
FROM chaos.ops o JOIN guests g ON g.id = o.guest_id
WHERE o.kind = 'cancel' AND o.outcome = 'ok' AND g.status <> 'cancelled'
UNION ALL
SELECT r.number, format('guest %s is cancelled and nobody asked for it', g.id)
FROM guests g
JOIN chaos.ops r ON r.guest_id = g.id AND r.kind IN ('register', 'register-paid') AND r.outcome = 'ok'
JOIN events e ON e.id = g.event_id
WHERE g.status = 'cancelled' AND e.status <> 'cancelled'
  AND NOT EXISTS (SELECT FROM chaos.ops c WHERE c.kind IN ('cancel', 'refund') AND c.guest_id = g.id AND c.outcome <> 'fail')
  AND NOT (r.kind = 'register-paid' AND EXISTS (
      SELECT FROM payments p WHERE p.guest_id = g.id AND p.status IN ('expired', 'void', 'succeeded')
          AND (p.status <> 'succeeded' OR p.paid_at > p.expires_at)))
UNION ALL
SELECT 0, format('guest %s of a cancelled event is %s', g.id, g.status)
FROM guests g JOIN events e ON e.id = g.event_id
WHERE e.status = 'cancelled' AND g.status NOT IN ('cancelled', 'checked_in')
UNION ALL
SELECT 0, format('hold of guest %s ended at %s, it was to last until %s', g.id, p.updated_at, p.expires_at)
FROM payments p JOIN guests g ON g.id = p.guest_id
WHERE p.status = 'expired' AND p.updated_at < p.expires_at
