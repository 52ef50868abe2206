DELETE FROM event_staff WHERE event_id = $1::bigint AND user_id = $2::bigint
