INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n, amount)
VALUES ($1::bigint, $2::bigint, quarter_of(coalesce($3::timestamptz, now())), $4::text, $5::integer, $6::numeric)
