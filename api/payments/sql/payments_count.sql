SELECT count(*) FROM payments WHERE guest_id = $1::bigint
