SELECT last_id, array_to_string(paying, ','), array_to_string(jobs, ',')
FROM cancel_guests_slice($1::bigint, $2::bigint, $3::integer, $4::text, $5::text)
