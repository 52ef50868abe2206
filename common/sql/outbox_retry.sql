-- $1 id, $2 deliveries, $3 was it a counted attempt, $4 attempts at most (0: any number),
-- $5 deliveries at most, $6 delay in ms, $7 reason. Gives: is it dead now?
UPDATE outbox
SET attempts = attempts + $3::boolean::int,
    state = CASE WHEN ($3::boolean AND $4::int > 0 AND attempts + 1 >= $4::int)
                      OR deliveries >= $5::int THEN 'dead' ELSE 'sent' END,
    next_at = now() + $6::bigint * interval '1 millisecond',
    last_error = left($7::text, 500)
WHERE id = $1::uuid AND deliveries = $2::int AND state = 'sent'
RETURNING state = 'dead'
