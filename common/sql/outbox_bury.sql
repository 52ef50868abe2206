-- $1 id, $2 deliveries, $3 reason.
UPDATE outbox SET state = 'dead', last_error = left($3::text, 500)
WHERE id = $1::uuid AND deliveries = $2::int AND state = 'sent'
