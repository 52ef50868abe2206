SELECT id FROM guests WHERE id = $1::bigint AND (deleted_at IS NULL OR $2::boolean) FOR NO KEY UPDATE
