INSERT INTO event_staff (event_id, user_id) VALUES ($1::bigint, $2::bigint) ON CONFLICT DO NOTHING
