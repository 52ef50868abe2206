-- What the QR code of the ticket holds, while that is its code. $1 ticket, $2 code.
SELECT issued_at_ms FROM tickets WHERE id = $1::bigint AND ticket_code = $2::text
