-- Guests of an event, newest first. $1 event, $2 status, $3 type, $4 ticket type, $5 ILIKE pattern, $6 createdAt and
-- $7 id of the last one seen, $8 limit, $9 offset.
SELECT g.id, g.event_id, g.first_name, g.last_name, g.email, g.phone, g.type, g.status, g.ticket_type_id, g.locale,
       g.external_id, g.checked_in_at, g.created_at, g.updated_at, g.edit_version, g.registered_by, g.status_before,
       t.id AS ticket_id, t.ticket_code AS ticket_ticket_code,
       ticket_status(t.status, t.page_seq, y.page_seq) AS ticket_status, t.validated_at AS ticket_validated_at,
       p.id AS payment_id, p.event_id AS payment_event_id, p.guest_id AS payment_guest_id,
       p.intent_id AS payment_intent_id, p.method AS payment_method, p.amount AS payment_amount,
       p.currency AS payment_currency, p.status AS payment_status, p.refunded_amount AS payment_refunded_amount,
       p.client_secret AS payment_client_secret, p.expires_at AS payment_expires_at,
       p.created_at AS payment_created_at
-- the page first: joined to whole, an event of many guests would be read and sorted for it
FROM (
    SELECT * FROM guests g
    WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL
      AND ($2::text IS NULL OR g.status = $2)
      AND ($3::text IS NULL OR g.type = $3)
      AND ($4::bigint IS NULL OR g.ticket_type_id = $4)
      AND ($5::text IS NULL OR (g.first_name || ' ' || g.last_name || ' ' || g.email) ILIKE $5)
      AND ($6::timestamptz IS NULL OR (g.created_at, g.id) < ($6, $7::bigint))
    ORDER BY g.created_at DESC, g.id DESC
    LIMIT $8::bigint OFFSET $9::bigint
) g
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN ticket_types y ON y.id = t.ticket_type_id
LEFT JOIN LATERAL (SELECT * FROM payments p WHERE p.guest_id = g.id ORDER BY p.id DESC LIMIT 1) p ON true
ORDER BY g.created_at DESC, g.id DESC
