-- How the door of the ticket's event would judge it now, in its order. Either $1 a code, or $2 ticket, $3 event,
-- $4 guest, $5 issued_at_ms of an authentic QR code.
SELECT CASE WHEN e.deleted_at IS NOT NULL THEN 'not-found'
            WHEN e.status = 'cancelled' THEN 'ticket-cancelled'
            WHEN e.status NOT IN ('published', 'active') THEN 'event-not-open'
            WHEN 'cancelled' IN (t.status, g.status) THEN 'ticket-cancelled'
            WHEN $1::text IS NOT NULL AND upper($1) <> t.ticket_code THEN 'ticket-cancelled'
            WHEN $1 IS NULL AND $5::bigint <> t.issued_at_ms THEN 'ticket-cancelled'
            WHEN t.is_validated OR g.status = 'checked_in' THEN 'already-validated'
            WHEN g.status = 'pending' THEN 'not-paid'
            ELSE 'admits' END AS verdict,
       t.id AS ticket_id, t.event_id, t.guest_id, t.ticket_code, e.title AS event, e.status AS event_status,
       g.status AS guest_status, t.status, t.issue, to_timestamp(t.issued_at_ms / 1000.0) AS issued_at, t.validated_at
FROM tickets t
JOIN guests g ON g.id = t.guest_id
JOIN events e ON e.id = t.event_id
WHERE CASE WHEN $1 IS NOT NULL
           THEN t.id = coalesce((SELECT c.id FROM tickets c WHERE c.ticket_code = upper($1)),
                                (SELECT r.ticket_id FROM retired_codes r WHERE r.ticket_code = upper($1)))
           ELSE t.id = $2::bigint AND t.event_id = $3::bigint AND t.guest_id = $4::bigint END
