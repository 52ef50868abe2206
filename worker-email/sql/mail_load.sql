-- These mails ($1 notifications) and all they may tell, as things stand now.
SELECT n.id, n.kind, n.status, n.cause_id, n.attempts, g.id AS guest_id,
       g.email, g.first_name || ' ' || g.last_name AS guest_name, g.locale, g.status AS guest_status,
       e.title AS event_title, e.location, e.status AS event_status, e.change_seq, e.time_zone,
       to_char(e.event_date AT TIME ZONE e.time_zone, 'YYYY-MM-DD HH24:MI ID') AS event_date,
       to_char(n.created_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS put_at,
       to_char(e.event_date AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS starts_at,
       to_char(e.end_date AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS ends_at,
       u.email AS organizer_email, concat_ws(' ', u.first_name, u.last_name) AS organizer_name,
       t.id AS ticket_id, t.ticket_code, t.issue, t.status AS ticket_status, tt.name AS ticket_type,
       p.status AS payment_status,
       to_char(p.expires_at AT TIME ZONE e.time_zone, 'YYYY-MM-DD HH24:MI ID') AS pay_until,
       coalesce(p.expires_at <= now(), false) AS pay_over,
       coalesce(p.amount, back.amount) AS amount,
       coalesce(p.currency, back.currency, e.currency) AS currency
FROM notifications n
JOIN guests g ON g.id = n.guest_id
JOIN events e ON e.id = n.event_id
LEFT JOIN users u ON u.id = e.organizer_id
LEFT JOIN ticket_types tt ON tt.id = g.ticket_type_id
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN payments p ON n.kind = 'payment-due' AND p.id = n.cause_id AND p.guest_id = g.id
-- refund-done tells of its refund, the mail of a cancel of all that the cancel gives back
LEFT JOIN LATERAL (
    SELECT sum(r.amount) AS amount, min(r.currency) AS currency
    FROM payments s JOIN refunds r ON r.payment_id = s.id
    WHERE s.guest_id = g.id
      AND CASE n.kind WHEN 'refund-done' THEN r.id = n.cause_id ELSE r.cause = n.kind AND n.cause_id = 0 END
) back ON true
WHERE n.id = ANY ($1::bigint[])
