-- Everything that hangs on a locked guest. $1 guest.
SELECT g.id, g.event_id, g.first_name, g.last_name, g.email, g.phone, g.type, g.status, g.ticket_type_id, g.locale,
       g.external_id, g.checked_in_at, g.created_at, g.updated_at, g.edit_version, g.registered_by, g.status_before,
       e.status AS event_status, t.id AS ticket_id, t.status AS ticket_status, coalesce(tt.price, 0) AS price, e.currency,
       (SELECT p.id FROM payments p WHERE p.guest_id = g.id AND p.status IN ('created', 'requires_payment', 'failed')
        ORDER BY p.id DESC LIMIT 1) AS open_payment_id,
       (SELECT coalesce(sum(p.amount - p.refunded_amount - p.refunding_amount), 0) FROM payments p
        WHERE p.guest_id = g.id AND p.status = 'succeeded') AS paid_amount,
       g.deleted_at IS NOT NULL AS deleted
FROM guests g
JOIN events e ON e.id = g.event_id
LEFT JOIN ticket_types tt ON tt.id = g.ticket_type_id
LEFT JOIN tickets t ON t.guest_id = g.id
WHERE g.id = $1::bigint
