SELECT p.id, p.guest_id, p.event_id, p.amount, p.currency, p.status, g.status AS guest_status
FROM payments p
JOIN guests g ON g.id = p.guest_id
WHERE p.intent_id = $1::text
