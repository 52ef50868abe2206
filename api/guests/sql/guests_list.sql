-- Guests of an event, newest first. $1 event, $2 createdAt and $3 id of the last one seen, $4 limit, $5 offset.
SELECT g.id, g.event_id, g.first_name, g.last_name, g.email, g.phone, g.type, g.status, g.ticket_type_id, g.locale,
       g.external_id, g.checked_in_at, g.created_at, g.updated_at, g.edit_version, g.registered_by, g.status_before,
       t.id AS ticket_id, t.ticket_code AS ticket_ticket_code,
       ticket_status(t.status, t.page_seq, y.page_seq) AS ticket_status, t.validated_at AS ticket_validated_at,
       p.id AS payment_id, p.event_id AS payment_event_id, p.guest_id AS payment_guest_id,
       p.intent_id AS payment_intent_id, p.method AS payment_method, p.amount AS payment_amount,
       p.currency AS payment_currency, p.status AS payment_status, p.refunded_amount AS payment_refunded_amount,
       p.client_secret AS payment_client_secret, p.expires_at AS payment_expires_at,
       p.created_at AS payment_created_at
-- The page first: joined to whole, an event of many guests would be read and sorted for it. One plan serves all events:
-- without filters, and with a bound that is always there, it can only be the walk of idx_guests_event_created.
FROM (
    SELECT * FROM guests g
    WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL
      AND (g.created_at, g.id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::bigint, 9223372036854775807))
    ORDER BY g.created_at DESC, g.id DESC
    LIMIT $4::bigint OFFSET $5::bigint
) g
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN ticket_types y ON y.id = t.ticket_type_id
LEFT JOIN LATERAL (SELECT * FROM payments p WHERE p.guest_id = g.id ORDER BY p.id DESC LIMIT 1) p ON true
ORDER BY g.created_at DESC, g.id DESC
