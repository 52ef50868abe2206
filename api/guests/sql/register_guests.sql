-- $1 members, $2 life of a hold in seconds, $3 unpaid holds a caller may have, $4 budget of the payment call in ms,
-- $5 leave out events that another transaction holds.
SELECT ord, outcome, replayed, body, id, status, locale, created_at, ticket_id, ticket_code, job_id, job_type, payment_id,
       payment_key, amount, currency, expires_at, deadline_at, event_title
FROM register_guests($1::jsonb, $2::integer, $3::integer, $4::integer, $5::boolean)
