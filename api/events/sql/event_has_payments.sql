SELECT EXISTS (SELECT FROM payments WHERE event_id = $1::bigint)
