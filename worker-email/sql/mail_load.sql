-- One mail and all it may tell, as things stand now. $1 notification
SELECT n.id, n.kind, n.status, n.cause_id, n.attempts,
       g.email, g.first_name || ' ' || g.last_name AS guest_name, g.locale, g.status AS guest_status,
       e.title AS event_title, e.location, e.status AS event_status, e.change_seq, e.time_zone,
       to_char(e.event_date AT TIME ZONE e.time_zone, 'YYYY-MM-DD HH24:MI ID') AS event_date,
       t.id AS ticket_id, t.ticket_code, t.issue, t.status AS ticket_status, tt.name AS ticket_type,
       p.status AS payment_status,
       to_char(p.expires_at AT TIME ZONE e.time_zone, 'YYYY-MM-DD HH24:MI ID') AS pay_until,
       coalesce(p.expires_at <= now(), false) AS pay_over,
       CASE n.kind WHEN 'payment-due' THEN p.amount
                   WHEN 'refund-done' THEN paid.refunded
                   ELSE paid.amount END AS amount,
       coalesce(p.currency, paid.currency, e.currency) AS currency
FROM notifications n
JOIN guests g ON g.id = n.guest_id
JOIN events e ON e.id = n.event_id
LEFT JOIN ticket_types tt ON tt.id = g.ticket_type_id
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN payments p ON n.kind = 'payment-due' AND p.id = n.cause_id AND p.guest_id = g.id
LEFT JOIN LATERAL (
    SELECT sum(s.amount) AS amount, sum(s.refunded_amount) AS refunded, min(s.currency) AS currency
    FROM payments s WHERE s.guest_id = g.id AND s.paid_at IS NOT NULL
) paid ON true
WHERE n.id = $1
