-- Lock these tickets ($1): nobody records a document of theirs meanwhile.
SELECT FROM tickets WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
