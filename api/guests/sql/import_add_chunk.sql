INSERT INTO import_chunks (import_id, number, body) VALUES ($1::bigint, $2::integer, $3::bytea)
