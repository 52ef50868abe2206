UPDATE guests SET deleted_at = now() WHERE id = $1::bigint
