-- To the cent, what the payment service has and what the database says; paid means confirmed or all back.
SELECT coalesce(o.number, 0), format('intent %s is %s with %s of %s back, payment %s is %s with %s back, guest %s is %s',
                                     i.id, i.status, i.refunded, i.amount, p.id, coalesce(p.status, 'not there'),
                                     p.refunded_amount, g.id, g.status)
FROM chaos.intents i
LEFT JOIN payments p ON p.intent_id = i.id
LEFT JOIN guests g ON g.id = p.guest_id
LEFT JOIN chaos.ops o ON o.kind = 'pay' AND o.value = i.id
WHERE i.refunded <> coalesce(p.refunded_amount, 0)
   OR (i.status = 'requires_payment')
   OR (i.status = 'succeeded' AND (p.status IS DISTINCT FROM 'succeeded' OR i.amount <> p.amount))
   OR (i.status <> 'succeeded' AND p.status = 'succeeded')
   OR i.refunded > i.amount
   -- a part of it back leaves the seat
   OR (i.status = 'succeeded' AND i.refunded < i.amount AND g.status NOT IN ('confirmed', 'checked_in'))
   -- one who was refunded while checked in, and whose admission was then undone, is confirmed again
   OR (i.status = 'succeeded' AND i.refunded = i.amount AND g.status = 'confirmed'
       AND NOT EXISTS (SELECT FROM ticket_scans s WHERE s.guest_id = g.id AND s.undone))
UNION ALL
SELECT o.number, format('refund of payment %s was granted, %s of %s are back', p.id, p.refunded_amount, p.amount)
FROM chaos.ops o JOIN payments p ON p.intent_id = o.value
WHERE o.kind = 'refund' AND o.outcome = 'ok' AND p.refunded_amount <> p.amount
UNION ALL
-- in parts: what was granted is back, and no more than was asked for, of who still has the seat
SELECT 0, format('payment %s: %s are back, %s in parts were granted, %s asked for', p.id, p.refunded_amount,
                 a.granted / 100.0, a.most / 100.0)
FROM payments p
JOIN guests g ON g.id = p.guest_id
JOIN events e ON e.id = g.event_id
JOIN (SELECT value AS intent_id, bool_or(kind = 'refund' AND outcome <> 'fail') AS whole,
             coalesce(sum(amount) FILTER (WHERE outcome = 'ok'), 0) AS granted,
             coalesce(sum(amount) FILTER (WHERE outcome <> 'fail'), 0) AS most
      FROM chaos.ops WHERE kind IN ('refund', 'refund-part') GROUP BY 1) a ON a.intent_id = p.intent_id
WHERE p.refunded_amount < a.granted / 100.0
   OR (p.refunded_amount > a.most / 100.0 AND NOT a.whole AND g.status <> 'cancelled' AND e.status <> 'cancelled')
UNION ALL
SELECT 0, format('payment %s is %s, its intent is not known', p.id, p.status)
FROM payments p
WHERE p.intent_id IS NOT NULL AND NOT EXISTS (SELECT FROM chaos.intents i WHERE i.id = p.intent_id)
UNION ALL
SELECT 0, format('refund %s is %s: %s', r.id, r.status, r.last_error) FROM refunds r WHERE r.status <> 'done'
