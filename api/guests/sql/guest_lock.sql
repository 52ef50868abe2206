SELECT id FROM guests WHERE id = $1::bigint AND deleted_at IS NULL FOR NO KEY UPDATE
