DELETE FROM imports WHERE id = $1::bigint AND status = 'receiving'
