-- Ticket and payments of a guest, in that order. $1 guest.
WITH ticket AS MATERIALIZED (
    SELECT id FROM tickets WHERE guest_id = $1::bigint FOR NO KEY UPDATE
), payment AS MATERIALIZED (
    SELECT id FROM payments WHERE guest_id = $1 AND (SELECT count(*) FROM ticket) >= 0 ORDER BY id FOR NO KEY UPDATE
)
SELECT count(*) FROM payment
