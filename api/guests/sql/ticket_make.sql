INSERT INTO tickets (event_id, guest_id, ticket_type_id, ticket_code)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::text)
RETURNING id
