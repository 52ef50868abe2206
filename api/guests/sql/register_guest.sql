-- register_guests for one member: $1 is no array.
SELECT ord, outcome, replayed, body, id, status, locale, created_at, ticket_id, ticket_code, job_id, job_type, payment_id,
       payment_key, amount, currency, expires_at, deadline_at, event_title
FROM register_guest($1::jsonb, $2::integer, $3::integer, $4::integer, $5::boolean)
